//! Any metadata and tensors, written and read back.

#![no_main]

use fuzz::plan::Plan;

libfuzzer_sys::fuzz_target!(|plan: Plan| {
    let (metadata, tensors) = plan.build();
    fuzz::round_trip(&metadata, &tensors);
});
