//! Raw call of llama.cpp's quantizer.

use std::ffi::{CStr, CString};

use super::sys;
use crate::importance::Importance;

/// How to quantize.
pub(crate) struct QuantizeOptions {
    /// llama.cpp's number of the mixture (`llama_ftype`).
    pub(crate) mixture: u32,
    /// Threads; 0 takes one per processor.
    pub(crate) threads: u32,
    /// All matrices in the mixture's first type.
    pub(crate) pure_type: bool,
    /// Accept quantized sources.
    pub(crate) allow_requantize: bool,
    /// Importance of inputs; may be empty.
    pub(crate) importance: Importance,
}

/// Writes `target`. False when llama.cpp failed; its log says why.
pub(crate) fn quantize(source: &CStr, target: &CStr, options: &QuantizeOptions) -> bool {
    let entry = |name: *const _, values: &[f32]| sys::llama_model_imatrix_data {
        name,
        data: values.as_ptr(),
        size: values.len(),
    };
    // Names come from checked headers; one with a zero byte inside matches no tensor and is left out.
    let named: Vec<(CString, &Vec<f32>)> = options
        .importance
        .iter()
        .filter_map(|(name, values)| Some((CString::new(name.as_str()).ok()?, values)))
        .collect();
    let mut entries: Vec<_> = named.iter().map(|(name, values)| entry(name.as_ptr(), values)).collect();
    // The list ends with an entry without a name.
    entries.push(entry(std::ptr::null(), &[]));
    // SAFETY: takes no arguments and returns plain values.
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.ftype = options.mixture as sys::llama_ftype;
    params.nthread = i32::try_from(options.threads).unwrap_or(i32::MAX);
    params.pure_ = options.pure_type;
    params.allow_requantize = options.allow_requantize;
    params.imatrix = if named.is_empty() { std::ptr::null() } else { entries.as_ptr() };
    // SAFETY: both paths are NUL-terminated; `params` holds defaults, plain values and a list of names and values that ends as
    // it must, all of which outlive the call.
    unsafe { sys::llama_model_quantize(source.as_ptr(), target.as_ptr(), &raw const params) == 0 }
}
