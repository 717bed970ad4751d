//! The runner alone, for an image that has nothing else of Beidou.

use std::process::ExitCode;

use beidou_runner::{Arguments, run_step};
use clap::Parser;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = async {
        beidou_service::telemetry::init(&beidou_service::telemetry::Telemetry::default())?;
        let stop = beidou_service::shutdown::on_signals()?;
        Ok::<_, Box<dyn std::error::Error>>(run_step(arguments, stop).await?)
    };
    match result.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = &*error, "the step was not run to its end");
            ExitCode::FAILURE
        }
    }
}
