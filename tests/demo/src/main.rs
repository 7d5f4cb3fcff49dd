//! `cargo demo`: the main job, played with the real release programs as separate processes.
//!
//! A black box: it knows the command lines and nothing of what is behind them. Every deviation ends the story with
//! a sentence and exit code 1; every way out, Ctrl-C included, takes processes and files along, unless the world is
//! to be kept. Start with [`story::play`].

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells a story")]

mod build;
mod crash;
mod keep;
mod keys;
mod story;
mod teller;

use std::{
    panic,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

const USAGE: &str = "\
Usage: cargo demo [--keep DIR]

Builds the release programs and plays the main job with them on loopback.
  --keep DIR   leave the world running in DIR (new or empty) and say which commands to type next";

/// What was asked for.
struct Wish {
    keep: Option<PathBuf>,
}

fn main() -> ExitCode {
    let wish = match parse(std::env::args().skip(1)) {
        Ok(Some(wish)) => wish,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("alcove-demo: {wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&interrupted)) {
            eprintln!("alcove-demo: Ctrl-C cannot be watched: {error}");
            return ExitCode::from(1);
        }
    }
    // A deviation is a panic of the harness with a sentence; the way out drops the world and its processes.
    panic::set_hook(Box::new(|_| {}));
    let player = thread::spawn(move || story::play(wish.keep));
    while !player.is_finished() {
        if interrupted.load(Ordering::SeqCst) {
            teller::give_up();
            // The player notices at its next step, drops its world and ends; nothing takes longer than one command.
            let _ended = player.join();
            eprintln!("\nInterrupted. Nothing is left behind.");
            return ExitCode::from(130);
        }
        thread::park_timeout(Duration::from_millis(50));
    }
    match player.join() {
        Ok(()) => ExitCode::SUCCESS,
        Err(deviation) => {
            let sentence = deviation
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| deviation.downcast_ref::<&str>().copied())
                .unwrap_or("the story broke off");
            eprintln!("\nThe demo did not go as it should: {sentence}");
            ExitCode::from(1)
        }
    }
}

/// Errors: a sentence about what is wrong. `None` asks for help.
fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Wish>, String> {
    let mut keep = None;
    let mut arguments = arguments.filter(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--keep" => keep = Some(arguments.next().ok_or("--keep needs a folder")?.into()),
            "-h" | "--help" => return Ok(None),
            other => return Err(format!("there is no argument {other}")),
        }
    }
    Ok(Some(Wish { keep }))
}
