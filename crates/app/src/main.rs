//! The `hiscore` binary: arguments to a role, signals to a shutdown, errors to an exit code.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where the program speaks to its user")]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use hiscore::greeting::greeting;
use hiscore::healthy::healthy;
use hiscore::log_tools;
use hiscore::serve::Server;
use hiscore::transfer;
use hiscore_config::{Command, Failure, LogFormat, ServeSettings, SimulateSettings};
use hiscore_simulate::Console;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What a shell shows of a process that was interrupted.
const ABORTED: i32 = 130;

fn main() -> ExitCode {
    match hiscore_config::parse(std::env::args_os(), &|name| std::env::var_os(name)) {
        Ok(Command::Print(text)) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Ok(Command::Schema) => {
            say(&hiscore_api::sdl());
            ExitCode::SUCCESS
        }
        Ok(Command::Healthy(url)) => in_runtime(async move { healthy(&url).await.map(|()| 0) }),
        Ok(Command::Serve(settings)) => {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            in_threads(settings.threads_of(processors), serve(*settings))
        }
        Ok(Command::Export(settings)) => in_runtime(async move {
            let done = transfer::export::export(&settings, std::io::stdout().lock()).await;
            done.map(|()| 0).map_err(|error| error.to_string())
        }),
        Ok(Command::Import(settings)) => in_runtime(async move {
            let done = transfer::import::import(&settings).await;
            done.map(|()| 0).map_err(|error| error.to_string())
        }),
        Ok(Command::Log(settings)) => in_runtime(async move {
            let stop = stop_on_signals()?;
            log_tools::run(&settings, stop).await.map_err(|error| error.to_string())
        }),
        Ok(Command::Simulate(settings)) => in_runtime(simulate(*settings)),
        Err(failure) => {
            eprint!("{}", failure.message);
            ExitCode::from(Failure::EXIT_CODE)
        }
    }
}

/// With as many threads as there are processors.
fn in_runtime(work: impl Future<Output = Result<u8, String>>) -> ExitCode {
    run(Builder::new_multi_thread().enable_all(), work)
}

fn in_threads(threads: usize, work: impl Future<Output = Result<u8, String>>) -> ExitCode {
    run(Builder::new_multi_thread().enable_all().worker_threads(threads), work)
}

fn run(builder: &mut Builder, work: impl Future<Output = Result<u8, String>>) -> ExitCode {
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the operating system gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(work);
    // A task that does not end must not hold up a process that has done what it had to. Nor is it dropped: the driver of
    // MongoDB panics in a task that asks for a connection when the pool's own task was dropped before it.
    std::mem::forget(runtime);
    match code {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: ServeSettings) -> Result<u8, String> {
    start_log(&settings)?;
    let shutdown = stop_on_signals()?;
    let server = Server::open(settings.clone()).await.map_err(|error| error.to_string())?;
    say(&greeting(&settings, server.address()));
    let ready = || tracing::info!("ready");
    server.run(shutdown, ready).await.map_err(|error| error.to_string())?;
    Ok(0)
}

/// Whoever reads this may have seen enough and gone (`| head`): no reason for a server to end.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

async fn simulate(settings: SimulateSettings) -> Result<u8, String> {
    let stop = stop_on_signals()?;
    let terminal = std::io::stderr().is_terminal();
    let mut console = Console::new(std::io::stderr(), terminal);
    match hiscore_simulate::run(&settings, &mut console, stop).await {
        Ok(report) => {
            let text = if settings.json { report.json() } else { report.text() };
            say(&format!("{}\n", text.trim_end()));
            Ok(report.exit_code())
        }
        Err(error) => {
            eprintln!("error: {error}");
            Ok(hiscore_simulate::Error::EXIT_CODE)
        }
    }
}

fn start_log(settings: &ServeSettings) -> Result<(), String> {
    let filter: Targets =
        settings.log.parse().map_err(|error| format!("--log {:?}: {error}", settings.log))?;
    let registry = tracing_subscriber::registry().with(filter);
    let terminal = std::io::stderr().is_terminal();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(terminal);
    match settings.log_format {
        LogFormat::Text => registry.with(layer).init(),
        LogFormat::Json => registry.with(layer.json()).init(),
    }
    Ok(())
}

/// A token that the first SIGINT or SIGTERM cancels. The second ends the process on the spot, which is safe at any
/// time: whatever was acknowledged is on the disk.
fn stop_on_signals() -> Result<CancellationToken, String> {
    let refused = |error: std::io::Error| format!("signals cannot be handled: {error}");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        next().await;
        told.cancel();
        next().await;
        eprintln!("stopped at once");
        #[allow(
            clippy::disallowed_methods,
            reason = "the user asked twice, and does not want to wait for anything"
        )]
        std::process::exit(ABORTED);
    });
    Ok(stop)
}
