//! `beidou run-step`: one step of an operation, in its Job or beside the controllers.

use beidou_runner::{Arguments, run_step};
use beidou_service::{shutdown, telemetry};

/// Runs the step to its end.
///
/// # Errors
/// When it could not be claimed, or its end could not be told.
pub async fn main(arguments: Arguments) -> anyhow::Result<()> {
    telemetry::init(&telemetry::Telemetry::default())?;
    let stop = shutdown::on_signals()?;
    Ok(run_step(arguments, stop).await?)
}
