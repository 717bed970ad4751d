//! The `beidou` binary: reads the command line and hands over to a role or a client.

mod args;
mod backup;
mod bundle;
mod client;
mod contexts;
mod demo;
mod exit;
mod output;
mod places;
mod private_file;
mod progress;
mod roles;
mod site;
mod speak;
mod token;

use std::process::ExitCode;

use args::{Acting, Alone, Cli, Command, Keeping, Statement};
use clap::Parser;
pub(crate) use speak::{say, tell};

fn main() -> ExitCode {
    speak::bound_memory();
    let cli = Cli::parse_from(args::line::spelled(std::env::args_os()));
    match speak::runtime().and_then(|runtime| runtime.block_on(run(cli.command))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&exit::text(&error));
            exit::code(&error).into()
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(args) => demo::main(args).await,
        Command::Up(args) => roles::up::main(args).await,
        Command::Alone(role) => alone(role).await,
        Command::Archive(args) => roles::archive::main(args).await,
        Command::Config(args) => roles::config::main(&args),
        Command::Token(args) => token::main(&args),
        Command::Events(args) => client::events(args).await,
        Command::Histogram(args) => client::histogram(args).await,
        Command::Occurrences(args) => client::occurrences(args).await,
        Command::Facets(args) => client::facets(args).await,
        Command::Patterns(args) => client::patterns(args).await,
        Command::Explain(args) => client::explain(args).await,
        Command::Neighbours(args) => client::neighbours(args).await,
        Command::Timeline(args) => client::timeline(args).await,
        Command::Clusters(args) => client::clusters(args).await,
        Command::Coverage(args) => client::coverage(args).await,
        Command::Rejects(args) => client::rejects(args).await,
        Command::Statement(command) => state(command).await,
        Command::Import(args) => client::import(args).await,
        Command::Keeping(command) => keep(command).await,
        Command::Acting(Acting::Operation(args)) => client::operation(*args).await,
        Command::Acting(Acting::Task(args)) => client::task(*args).await,
        Command::Acting(Acting::Bundle(args)) => bundle::main(args.act).await,
        Command::Context(args) => client::context(&args),
        Command::Completion(args) => {
            args::completion(args.shell);
            Ok(())
        }
    }
}

async fn alone(role: Alone) -> anyhow::Result<()> {
    match role {
        Alone::Ingest(args) => roles::ingest::main(args).await,
        Alone::Projector(args) => roles::projector::main(args).await,
        Alone::Controllers(args) => roles::controllers::main(args).await,
        Alone::RunStep(args) => roles::run_step::main(*args).await,
        Alone::QueryApi(args) => roles::query_api::main(args).await,
        Alone::Engine(args) => roles::engine::main(args).await,
    }
}

async fn state(command: Statement) -> anyhow::Result<()> {
    match command {
        Statement::Sql(args) => client::sql(args).await,
        Statement::Export(args) => client::export(*args).await,
        Statement::Exports(args) => client::exports(args).await,
        Statement::Running(args) => client::running(args).await,
    }
}

async fn keep(command: Keeping) -> anyhow::Result<()> {
    match command {
        Keeping::Queries(args) => client::queries(args).await,
        Keeping::Audit(args) => client::audit(args).await,
        Keeping::Rebuild(args) => client::rebuild(args).await,
        Keeping::Space(args) => client::space(args).await,
        Keeping::Backup(args) => backup::main(args).await,
        Keeping::Restore(args) => backup::restore(args).await,
    }
}
