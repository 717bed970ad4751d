//! Flags of `beidou bundle`.

use std::path::PathBuf;

use beidou_playbooks::ArtifactName;
use clap::{Args, Subcommand};

/// `beidou bundle`: no server is asked.
#[derive(Debug, Args)]
pub struct Bundle {
    /// What to do.
    #[command(subcommand)]
    pub act: Act,
}

/// What to do with bundles.
#[derive(Debug, Subcommand)]
pub enum Act {
    /// List the bundles of this program: type, steps, parameters
    List,
    /// Write a bundle of this program to a folder, to begin an own one with
    Copy {
        /// Its name, as `bundle list` shows it
        name: String,
        /// The folder, which must not be there yet
        folder: PathBuf,
    },
    /// Put a bundle into a registry, and say under which digest it is there
    Push {
        /// A folder with a bundle.yaml, or a tar archive of it
        bundle: PathBuf,
        /// Its name there, e.g. oci://registry.example/team/scale-up:1.4.0
        #[arg(value_name = "ARTIFACT")]
        name: ArtifactName,
        #[command(flatten)]
        logins: Logins,
    },
    /// Fetch a bundle from a registry into a folder
    Pull {
        /// Its name there, with a tag or a digest
        #[arg(value_name = "ARTIFACT")]
        name: ArtifactName,
        /// The folder, which must not be there yet
        folder: PathBuf,
        #[command(flatten)]
        logins: Logins,
    },
    /// Say whether a folder is a bundle, whether its playbooks can be read, and what is probably a mistake
    Lint {
        /// Folders with a bundle.yaml
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// The program that reads playbooks; looked for in the PATH, and left out where it is not there
        #[arg(long, value_name = "PROGRAM")]
        ansible_playbook: Option<PathBuf>,
        /// Parameters, as YAML or JSON: playbooks from a folder that a parameter names are read only with its value
        #[arg(long, short = 'e', value_name = "FILE")]
        variables: Option<PathBuf>,
        /// Warnings are errors
        #[arg(long)]
        strict: bool,
    },
    /// Run its playbooks on hosts that may be spoiled: a dry run, one killed at its first change, a real one, once more, which
    /// must change nothing, and one beside a host that does not answer, which must fail alone. Two faults, no more: a full
    /// disk, a host that hangs or loses its power in the middle are not tried
    Test(Test),
}

/// Who we are to registries.
#[derive(Debug, Args)]
pub struct Logins {
    /// A file as `docker login` writes it [default: the config.json of DOCKER_CONFIG or ~/.docker, where there is one]
    #[arg(long, value_name = "FILE")]
    pub registry_logins: Option<PathBuf>,
}

/// `beidou bundle test`.
#[derive(Debug, Args)]
pub struct Test {
    /// A folder with a bundle.yaml
    pub folder: PathBuf,
    /// Ansible's inventory, with the groups that the steps of the bundle name
    #[arg(long, short, value_name = "FILE")]
    pub inventory: PathBuf,
    /// Parameters, secret ones too, as YAML or JSON
    #[arg(long, short = 'e', value_name = "FILE")]
    pub variables: Option<PathBuf>,
    /// Only these steps; the flow of the bundle where none is given
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    pub steps: Vec<String>,
    /// The dry run alone
    #[arg(long)]
    pub dry_run: bool,
    /// The program; looked for in the PATH
    #[arg(long, value_name = "PROGRAM", default_value = "ansible-playbook")]
    pub ansible_playbook: PathBuf,
}
