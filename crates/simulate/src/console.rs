//! How a run is watched: one calm line in a terminal, a plain line now and then in a pipe.

use std::io::Write;
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines in a pipe.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Takes what there is to tell while a run goes on. The summary is not told here: it is the
/// [`Report`](crate::Report).
pub trait Reporter: Send {
    /// Something to stay.
    fn line(&mut self, text: &str);
    /// The present state, about twice a second; what is shown may replace what was shown before.
    fn status(&mut self, text: &str);
    /// The last state is history.
    fn clear(&mut self);
}

/// Tells nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn line(&mut self, _: &str) {}
    fn status(&mut self, _: &str) {}
    fn clear(&mut self) {}
}

/// Writes to a terminal or a pipe, usually standard error. That it cannot be written to is ignored: the run and its
/// verdict matter more than who watches.
#[derive(Debug)]
pub struct Console<W> {
    out: W,
    terminal: bool,
    shown: bool,
    last_plain: Option<Instant>,
}

impl<W: Write + Send> Console<W> {
    /// `terminal`: whether `out` is one, so that a line can be written over.
    pub fn new(out: W, terminal: bool) -> Self {
        Self { out, terminal, shown: false, last_plain: None }
    }

    /// In one piece, so that nothing flickers.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }
}

impl<W: Write + Send> Reporter for Console<W> {
    fn line(&mut self, text: &str) {
        self.clear();
        self.write(&format!("{text}\n"));
    }

    fn status(&mut self, text: &str) {
        if self.terminal {
            // The text first and the rest of the old line after it: the line is never empty in between. A line
            // that would wrap could not be written over.
            let text: String = text.chars().take(100).collect();
            self.write(&format!("\r{text}\x1b[K"));
            self.shown = true;
            return;
        }
        let now = Instant::now();
        if self.last_plain.is_none_or(|last| now.duration_since(last) >= PLAIN_EVERY) {
            self.last_plain = Some(now);
            self.write(&format!("{text}\n"));
        }
    }

    fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            self.write("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(terminal: bool) -> String {
        let mut console = Console::new(Vec::new(), terminal);
        console.status("one");
        console.status("two");
        console.line("done");
        String::from_utf8(console.out).unwrap()
    }

    #[test]
    fn a_terminal_s_line_is_written_over_and_a_pipe_gets_plain_lines() {
        assert_eq!(told(true), "\rone\x1b[K\rtwo\x1b[K\r\x1b[Kdone\n");
        assert_eq!(told(false), "one\ndone\n");
    }
}
