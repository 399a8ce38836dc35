//! Can programs that a model wrote be isolated here, and by what?

use dyno_sandbox::{Demand, Mechanism, Sandbox};

use super::Check;
use crate::{AppError, Work};

const SUBJECT: &str = "programs of models";

/// Tries the sandbox.
pub(super) async fn check(work: &Work) -> Result<Check, AppError> {
    Ok(match work.sandbox(Demand::Isolation).await? {
        Ok(sandbox) => found(&sandbox),
        Err(without) => refused(&without.reason),
    })
}

fn found(sandbox: &Sandbox) -> Check {
    let interpreter = sandbox.interpreter();
    let python = format!("Python {} ({})", interpreter.version_text(), interpreter.executable.display());
    sentence(&python, &sandbox.protections().to_string(), &sandbox.mechanisms())
}

fn sentence(python: &str, protections: &str, mechanisms: &[Mechanism]) -> Check {
    let names: Vec<&str> = mechanisms.iter().map(|mechanism| mechanism.name()).collect();
    let finding = format!("{python} runs them {protections}, by {}", names.join(", "));
    if mechanisms.contains(&Mechanism::OwnDisk) {
        return Check::ok(SUBJECT, finding);
    }
    Check::warning(
        SUBJECT,
        format!("{finding}; without a private disk, so that a program that removes a file fails"),
        "allow unprivileged user namespaces here",
    )
}

/// Not a problem of this machine as such: nothing else of dyno needs it.
fn refused(reason: &str) -> Check {
    Check::warning(
        SUBJECT,
        format!("they are not run, and tasks of programming are not scored: {reason}"),
        "see what is missing above; everything else works without it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CheckStatus;

    #[test]
    fn what_isolates_and_what_is_missing_is_said() {
        let all = [Mechanism::OwnDisk, Mechanism::Landlock, Mechanism::Seccomp];
        let whole = sentence("Python 3.11.7 (/p)", "isolated (reads)", &all);
        assert_eq!(whole.status, CheckStatus::Ok);
        for part in ["Python 3.11.7", "isolated (reads)", "Landlock", "seccomp", "user namespace"] {
            assert!(whole.finding.contains(part), "{}", whole.finding);
        }
        let without = sentence("Python 3.11.7 (/p)", "isolated (reads)", &all[1..]);
        assert_eq!(without.status, CheckStatus::Warning);
        assert!(without.finding.contains("without a private disk"), "{}", without.finding);
        let none = refused("this machine cannot guarantee that no private file is read");
        assert_eq!(none.status, CheckStatus::Warning);
        assert!(none.finding.contains("no private file is read"), "{}", none.finding);
    }
}
