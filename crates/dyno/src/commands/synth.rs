//! `dyno synth`: make a model file, or list what can be made.

use crate::cli::SynthArgs;
use crate::printer;
use dyno_app::Work;

/// Makes the file and prints its path.
pub(super) async fn run(work: &Work, args: SynthArgs) -> anyhow::Result<()> {
    let Some(model) = args.model else {
        let catalogue = work.synth_catalogue();
        return if args.format == "json" {
            printer::print_json(&catalogue)
        } else {
            printer::print(&format!(
                "shapes:          {}\nquantizations:   {}\nfor example:     dyno synth llama-3.2-1b@q4_k_m\n",
                catalogue.shapes.join(", "),
                catalogue.quantizations.join(", ")
            ))
        };
    };
    let made = work.synth(&model, args.seed, args.output.as_deref())?;
    if args.format == "json" {
        printer::print_json(&made)
    } else {
        printer::print(&format!("{}\n", made.path.display()))
    }
}
