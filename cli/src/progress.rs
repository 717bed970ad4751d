//! Progress of long acts: bars on a terminal, plain lines elsewhere. All of it goes to stderr.

use std::{
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use beidou_store::engine::install::{OnProgress, Progress, Stage};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Where there is no terminal, a line is written each time so many percent more are done.
const STEP_PERCENT: u64 = 20;

/// Says one line of progress.
pub fn note(text: &str) {
    crate::tell(text);
}

/// Several bars, or several counters that write lines.
#[derive(Debug, Clone)]
pub struct Bars {
    all: Option<MultiProgress>,
}

impl Bars {
    /// Bars if stderr is a terminal.
    pub fn new() -> Self {
        Self { all: std::io::stderr().is_terminal().then(MultiProgress::new) }
    }

    /// A bar that counts `total` things.
    pub fn counting(&self, title: &'static str, total: u64, unit: &'static str) -> Bar {
        let style = ProgressStyle::with_template(&format!(
            "  {{prefix:20}} {{bar:32.cyan/dim}} {{human_pos:>11}} / {{human_len}} {unit}  {{rate:>10}}"
        ));
        let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            // The bar is drawn without the rate where it cannot be written.
            let _left_out = write!(text, "{:.0}/s", state.per_sec());
        };
        self.bar(title, total, style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate))
    }

    /// A bar that counts bytes of something whose length may not be known.
    pub fn counting_bytes(&self, title: &'static str, total: Option<u64>) -> Bar {
        let template = match total {
            Some(_) => "  {prefix:20} {bar:32.cyan/dim} {bytes:>11} / {total_bytes}  {eta}  {msg}",
            None => "  {prefix:20} {spinner} {bytes:>11}  {msg}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar(title, total.unwrap_or(0), style)
    }

    /// A bar that counts bytes.
    fn bytes(&self) -> Bar {
        let style = ProgressStyle::with_template(
            "  {prefix:20} {bar:32.cyan/dim} {bytes:>11} / {total_bytes}  {bytes_per_sec:>12}  {eta}",
        );
        self.bar("engine", 0, style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }

    fn bar(&self, title: &'static str, total: u64, style: ProgressStyle) -> Bar {
        let bar = match &self.all {
            Some(all) => all.add(ProgressBar::new(total)),
            None => ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden()),
        };
        bar.set_style(style);
        bar.set_prefix(title);
        Bar { bar, lines: self.all.is_none(), said: Arc::default() }
    }

    /// Takes the bars away.
    pub fn clear(&self) {
        if let Some(all) = &self.all {
            // Only the terminal itself can refuse, and then nothing can be shown anyway.
            let _refused = all.clear();
        }
    }
}

/// One bar.
#[derive(Debug, Clone)]
pub struct Bar {
    bar: ProgressBar,
    lines: bool,
    said: Arc<AtomicU64>,
}

impl Bar {
    /// So many are done.
    pub fn at(&self, done: u64) {
        self.bar.set_position(done);
        let total = self.bar.length().unwrap_or(0);
        if self.lines && total > 0 {
            let percent = done.min(total) * 100 / total / STEP_PERCENT * STEP_PERCENT;
            if percent > self.said.fetch_max(percent, Ordering::Relaxed) {
                note(&format!("{}: {percent} % ({done} of {total})", self.bar.prefix()));
            }
        }
    }

    /// Words behind the bar.
    pub fn says(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// There are so many.
    pub fn of(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// The bar goes away.
    pub fn finish_and_clear(&self) {
        self.bar.finish_and_clear();
    }

    /// The bar stays as it is.
    pub fn finish(&self) {
        self.bar.finish();
    }

    fn stage(&self, title: &'static str) {
        if self.bar.prefix() != title {
            self.bar.set_prefix(title);
            self.said.store(0, Ordering::Relaxed);
        }
    }
}

/// A bar for the engine's installation.
pub fn of_install() -> (Bar, OnProgress) {
    let bar = Bars::new().bytes();
    let shown = bar.clone();
    let on_progress = move |progress: Progress| {
        shown.stage(match progress.stage {
            Stage::Wait => "waiting for another",
            Stage::Download => "downloading engine",
            Stage::Verify => "checking engine",
            Stage::Unpack => "unpacking engine",
        });
        shown.of(progress.total_bytes);
        shown.at(progress.done_bytes);
    };
    (bar, Arc::new(on_progress))
}
