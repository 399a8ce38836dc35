//! `dyno synth`: make a model file, or list what can be made.

use super::Context;
use crate::cli::SynthArgs;
use crate::printer;

/// Makes the file and prints its path.
pub(super) async fn run(context: &Context, args: SynthArgs) -> anyhow::Result<()> {
    let Some(model) = args.model else {
        let catalogue = context.app.synth_catalogue();
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
    let made = context.app.synth(&model, args.seed, args.output.as_deref(), &context.progress)?;
    if args.format == "json" {
        printer::print_json(&made)
    } else {
        printer::print(&format!("{}\n", made.path.display()))
    }
}
