//! The Python environment of the end-to-end tests.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::files::same_contents;
use crate::step::Steps;

/// Installs what the tests' scripts need into the target directory, unless it is there, and returns the interpreter.
pub(crate) fn install(steps: &mut Steps) -> anyhow::Result<PathBuf> {
    let scripts = steps.root().join("tests/python");
    let environment = steps.target().join("python");
    let interpreter = environment.join("bin/python");
    // What is installed is what this copy of the requirements says.
    let installed = environment.join("requirements.txt");
    let requirements = scripts.join("requirements.txt");
    if !same_contents(&installed, &requirements)? {
        let mut command = Command::new("python3");
        command.arg(scripts.join("environment.py")).arg(&environment).arg(&requirements);
        steps.run("install the Python packages of the tests", command)?;
        std::fs::copy(&requirements, &installed)
            .with_context(|| format!("cannot write {}", installed.display()))?;
    }
    Ok(interpreter)
}
