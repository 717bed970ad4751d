//! `beidou bundle`: whether a team's bundle is one, what is wrong with it, and whether it may be run twice. No server is asked.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use beidou_playbooks::{
    Bundle, BundleError, Fault, Step, check_syntax, lint,
    rehearse::{Pass, Stage, rehearse, variables},
    shipped, shipped_names,
};
use serde_json::{Map, Value};

use crate::{
    args::bundle::{Act, Test},
    exit::{Code, Failure},
    output::{Column, Look, Table},
    say, tell,
};

/// Does what is asked.
///
/// # Errors
/// When a bundle is not valid, or a test fails.
pub fn main(act: Act) -> anyhow::Result<()> {
    match act {
        Act::List => list(),
        Act::Copy { name, folder } => copy(&name, &folder),
        Act::Lint { folders, ansible_playbook, strict } => check(&folders, ansible_playbook.as_deref(), strict),
        Act::Test(test) => tried(&test),
    }
}

fn list() -> anyhow::Result<()> {
    let mut table = Table::new([
        Column::whole("NAME"),
        Column::whole("VERSION"),
        Column::whole("TYPE"),
        Column::words("STEPS", 20),
        Column::words("ABOUT", 30),
    ]);
    for name in shipped_names() {
        let bundle = own(name)?;
        let about = bundle.manifest();
        let cells = [
            name.to_owned(),
            about.version.clone(),
            about.operation_type.clone(),
            about.flow.join(" → "),
            about.description.clone(),
        ];
        table.row(cells.map(Into::into).into());
    }
    say(table.text(Look::of_stdout()).trim_end());
    Ok(())
}

fn own(name: &str) -> anyhow::Result<Bundle> {
    let known = || shipped_names().collect::<Vec<_>>().join(", ");
    let missing = || Failure::new(Code::NotFound, format!("no bundle {name:?}"), format!("there are: {}", known()));
    Ok(shipped(name).ok_or_else(missing)??)
}

fn copy(name: &str, folder: &Path) -> anyhow::Result<()> {
    let bundle = own(name)?;
    if folder.exists() {
        return Err(
            Failure::new(Code::Usage, format!("{} is there already", folder.display()), "name another folder").into()
        );
    }
    bundle.write(folder)?;
    say(&format!("{name} {} is in {}; give it a name of its own", bundle.manifest().version, folder.display()));
    Ok(())
}

fn check(folders: &[PathBuf], program: Option<&Path>, strict: bool) -> anyhow::Result<()> {
    let (mut errors, mut warnings) = (0, 0);
    for folder in folders {
        let bundle = match Bundle::of_folder(folder) {
            Ok(bundle) => bundle,
            Err(BundleError::Invalid(faults)) => {
                errors += show("error", folder, &faults);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        warnings += show("warning", folder, &lint::lint(&bundle));
        match (check_syntax(&bundle, folder, program.unwrap_or(Path::new("ansible-playbook"))), program) {
            (Ok(faults), _) => errors += show("error", folder, &faults),
            (Err(error), Some(_)) => return Err(error.into()),
            (Err(_), None) => tell("note: there is no ansible-playbook in the PATH; playbooks were not read"),
        }
        let about = bundle.manifest();
        say(&format!(
            "{}: {} {}, {} steps, {}",
            folder.display(),
            about.name,
            about.version,
            about.steps.len(),
            bundle.digest()
        ));
    }
    match errors + if strict { warnings } else { 0 } {
        0 => Ok(()),
        found => Err(Failure::new(Code::Failure, format!("{found} found"), "").into()),
    }
}

fn show(what: &str, folder: &Path, faults: &[Fault]) -> usize {
    for fault in faults {
        say(&format!("{what}: {}/{fault}", folder.display()));
    }
    faults.len()
}

fn tried(test: &Test) -> anyhow::Result<()> {
    let bundle = Bundle::of_folder(&test.folder)?;
    let steps = chosen(&bundle, &test.steps)?;
    let private = tempfile::tempdir()?;
    let stage = Stage {
        folder: place(&test.folder)?,
        ansible_playbook: test.ansible_playbook.clone(),
        inventory: place(&test.inventory)?,
        variables: private.path().join("variables.json"),
        private: private.path().to_owned(),
    };
    write_variables(&bundle, test.variables.as_deref(), &stage.variables)?;
    let mut faults = Vec::new();
    for step in steps {
        for pass in Pass::of(step, test.dry_run) {
            let Some(done) = rehearse(step, *pass, &stage) else {
                say(&format!("{:<14} {:<8} is no playbook: not tried here", step.name, ""));
                break;
            };
            let done = done.with_context(|| format!("run {}", stage.ansible_playbook.display()))?;
            let good = if done.faults.is_empty() { "ok" } else { "FAILED" };
            say(&match (pass, done.changed) {
                (Pass::Killed, 0) => {
                    format!("{:<14} {pass:<9} it changed nothing, so there was nothing to kill", step.name)
                }
                (Pass::Killed, _) => format!("{:<14} {pass:<9} at its first change", step.name),
                _ => format!("{:<14} {pass:<9} {good}: {} hosts, {} changes", step.name, done.hosts, done.changed),
            });
            for fault in &done.faults {
                say(&format!("  {fault}"));
            }
            let failed = !done.faults.is_empty();
            faults.extend(done.faults);
            if failed {
                break;
            }
        }
    }
    match faults.len() {
        0 => Ok(()),
        found => {
            Err(Failure::new(Code::Failure, format!("the bundle {} has {found} faults", bundle.manifest().name), "")
                .into())
        }
    }
}

fn chosen<'a>(bundle: &'a Bundle, names: &[String]) -> anyhow::Result<Vec<&'a Step>> {
    let manifest = bundle.manifest();
    let names = if names.is_empty() { &manifest.flow } else { names };
    let find = |name: &String| {
        let known: Vec<_> = manifest.steps.iter().map(|step| &*step.name).collect();
        let unknown = || {
            Failure::new(
                Code::Usage,
                format!("--steps: {name:?} is no step of {}", manifest.name),
                format!("its steps: {}", known.join(", ")),
            )
        };
        manifest.step(name).ok_or_else(|| unknown().into())
    };
    names.iter().map(find).collect()
}

fn place(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("read {}", path.display()))
}

/// Defaults filled in; only we may read it.
fn write_variables(bundle: &Bundle, file: Option<&Path>, to: &Path) -> anyhow::Result<()> {
    let given: Map<String, Value> = match file {
        None => Map::new(),
        Some(file) => {
            let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
            serde_yaml_ng::from_str(&text).with_context(|| format!("{}: parameters by name", file.display()))?
        }
    };
    let all = variables(bundle, &given).map_err(BundleError::Invalid)?;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    serde_json::to_writer(io::BufWriter::new(file), &all)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_a_shipped_bundle_is_one_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("own");
        copy("drain", &made).unwrap();
        assert!(copy("drain", &made).unwrap_err().to_string().contains("there already"));
        check(std::slice::from_ref(&made), None, true).unwrap();
        fs::write(made.join("bundle.yaml"), "apiVersion: beidou.io/v1\nkind: Bundle\n").unwrap();
        assert!(check(&[made], None, false).is_err());
        assert_eq!(crate::exit::code(&own("nothing").unwrap_err()), Code::NotFound);
    }

    #[test]
    fn steps_and_parameters_are_those_of_the_bundle() {
        let bundle = own("node-join").unwrap();
        let flow: Vec<_> = chosen(&bundle, &[]).unwrap().iter().map(|step| step.name.clone()).collect();
        assert_eq!(flow, ["preCheck", "scaleUp", "postCheck"]);
        let error = chosen(&bundle, &["scaleup".into()]).unwrap_err();
        assert!(crate::exit::text(&error).contains("preCheck, scaleUp, postCheck, leave"));
        let folder = tempfile::tempdir().unwrap();
        let error = write_variables(&bundle, None, &folder.path().join("v")).unwrap_err();
        assert!(format!("{error:#}").contains("api_server"), "{error:#}");
    }
}
