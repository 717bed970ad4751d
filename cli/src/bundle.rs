//! `beidou bundle`: whether a team's bundle is one, what is wrong with it, and whether it may be run twice; and its
//! way to a registry and back. No server of ours is asked.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use beidou_model::operation::with_prerequisites;
use beidou_playbooks::{
    ArtifactName, Bundle, BundleError, Fault, Registries, Step, check_syntax, lint,
    rehearse::{Pass, Stage, rehearse, variables},
    shipped, shipped_names,
};
use serde_json::{Map, Value};

use crate::{
    args::bundle::{Act, Logins, Test},
    exit::{Code, Failure},
    output::{Column, Look, Table},
    say, tell,
};

/// Does what is asked.
///
/// # Errors
/// When a bundle is not valid, a test fails, or a registry refuses.
pub async fn main(act: Act) -> anyhow::Result<()> {
    match act {
        Act::List => list(),
        Act::Copy { name, folder } => copy(&name, &folder),
        Act::Push { bundle, name, logins } => push(&bundle, &name, &logins).await,
        Act::Pull { name, folder, logins } => pull(&name, &folder, &logins).await,
        Act::Lint { folders, ansible_playbook, variables, strict } => {
            check(&folders, ansible_playbook.as_deref(), &given(variables.as_deref())?, strict)
        }
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
    write(&bundle, folder)?;
    say(&format!("{name} {} is in {}; give it a name of its own", bundle.manifest().version, folder.display()));
    Ok(())
}

fn write(bundle: &Bundle, folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        return Err(
            Failure::new(Code::Usage, format!("{} is there already", folder.display()), "name another folder").into()
        );
    }
    Ok(bundle.write(folder)?)
}

async fn push(path: &Path, name: &ArtifactName, logins: &Logins) -> anyhow::Result<()> {
    let bundle = Bundle::of_path(path)?;
    let digest = registries(logins)?.push(&bundle, name).await?;
    let about = bundle.manifest();
    say(&format!("{} {} is at {}", about.name, about.version, name.at(&digest)));
    Ok(())
}

async fn pull(name: &ArtifactName, folder: &Path, logins: &Logins) -> anyhow::Result<()> {
    let (bundle, digest) = registries(logins)?.pull(name).await?;
    write(&bundle, folder)?;
    let about = bundle.manifest();
    say(&format!("{} {} of {} is in {}", about.name, about.version, name.at(&digest), folder.display()));
    Ok(())
}

/// With the logins that other tools of this user have, unless others are named.
fn registries(logins: &Logins) -> anyhow::Result<Registries> {
    let usual = || {
        let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")))?;
        Some(folder.join("config.json")).filter(|file| file.exists())
    };
    match logins.registry_logins.clone().or_else(usual) {
        Some(file) => Ok(Registries::with_logins(&file)?),
        None => Ok(Registries::default()),
    }
}

fn check(
    folders: &[PathBuf],
    program: Option<&Path>,
    variables: &Map<String, Value>,
    strict: bool,
) -> anyhow::Result<()> {
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
        errors += read_playbooks(&bundle, folder, program, variables)?;
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

/// How much is wrong with its playbooks, as Ansible reads them.
fn read_playbooks(
    bundle: &Bundle,
    folder: &Path,
    program: Option<&Path>,
    variables: &Map<String, Value>,
) -> anyhow::Result<usize> {
    let manifest = bundle.manifest();
    if let (Some(name), None) = (&manifest.config_from, manifest.config(variables)) {
        tell(&format!("note: {} needs {name} (--variables); its playbooks were not read", manifest.name));
        return Ok(0);
    }
    match (check_syntax(bundle, folder, program.unwrap_or(Path::new("ansible-playbook")), variables), program) {
        (Ok(faults), _) => Ok(show("error", folder, &faults)),
        (Err(error), Some(_)) => Err(error.into()),
        (Err(_), None) => {
            tell("note: there is no ansible-playbook in the PATH; playbooks were not read");
            Ok(0)
        }
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
    let given = given(test.variables.as_deref())?;
    let stage = Stage {
        config: bundle.manifest().config(&given),
        folder: place(&test.folder)?,
        ansible_playbook: test.ansible_playbook.clone(),
        inventory: place(&test.inventory)?,
        variables: private.path().join("variables.json"),
        private: private.path().to_owned(),
    };
    write_variables(&bundle, &given, &stage.variables)?;
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

/// Steps of these names, or of the flow; each once, behind the one that readies machines for it, and behind the one that
/// comes first.
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
    let named = |name: &Option<String>| name.as_deref().and_then(|name| manifest.step(name));
    let steps = names.iter().map(find).collect::<anyhow::Result<Vec<&Step>>>()?;
    let steps = with_prerequisites(steps, |step| named(&step.prepare));
    Ok(with_prerequisites(steps, |step| named(&step.first)))
}

fn place(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("read {}", path.display()))
}

/// Parameters of a file, if there is one.
fn given(file: Option<&Path>) -> anyhow::Result<Map<String, Value>> {
    let Some(file) = file else { return Ok(Map::new()) };
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    serde_yaml_ng::from_str(&text).with_context(|| format!("{}: parameters by name", file.display()))
}

/// Defaults filled in; only we may read it.
fn write_variables(bundle: &Bundle, given: &Map<String, Value>, to: &Path) -> anyhow::Result<()> {
    let all = variables(bundle, given).map_err(BundleError::Invalid)?;
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
        check(std::slice::from_ref(&made), None, &Map::new(), true).unwrap();
        fs::write(made.join("bundle.yaml"), "apiVersion: beidou.io/v1\nkind: Bundle\n").unwrap();
        assert!(check(&[made], None, &Map::new(), false).is_err());
        assert_eq!(crate::exit::code(&own("nothing").unwrap_err()), Code::NotFound);
    }

    #[test]
    fn steps_and_parameters_are_those_of_the_bundle() {
        let bundle = own("node-join").unwrap();
        let flow: Vec<_> = chosen(&bundle, &[]).unwrap().iter().map(|step| step.name.clone()).collect();
        assert_eq!(flow, ["preCheck", "prepare", "scaleUp", "postCheck"]);
        let up = own("scale-up").unwrap();
        let flow: Vec<_> = chosen(&up, &[]).unwrap().iter().map(|step| step.name.clone()).collect();
        assert_eq!(flow, ["preCheck", "facts", "scaleUp", "postCheck"]);
        let error = chosen(&bundle, &["scaleup".into()]).unwrap_err();
        assert!(crate::exit::text(&error).contains("preCheck, prepare, scaleUp, postCheck, leave"));
        let folder = tempfile::tempdir().unwrap();
        let error = write_variables(&bundle, &Map::new(), &folder.path().join("v")).unwrap_err();
        assert!(format!("{error:#}").contains("api_server"), "{error:#}");
    }
}
