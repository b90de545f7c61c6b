//! How a run is watched: one calm line in a terminal, a plain line now and then in a pipe.

use std::io::Write;
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines in a pipe.
const PLAIN_EVERY: Duration = Duration::from_secs(5);
/// What fits into the usual narrow terminal.
const WIDTH: usize = 79;

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

    /// The first state is too young to be worth a line; it only starts the clock.
    fn plain(&mut self, now: Instant, text: &str) {
        let last = *self.last_plain.get_or_insert(now);
        if now.duration_since(last) >= PLAIN_EVERY {
            self.last_plain = Some(now);
            self.write(&format!("{text}\n"));
        }
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
            let text: String = text.chars().take(WIDTH).collect();
            self.write(&format!("\r{text}\x1b[K"));
            self.shown = true;
        } else {
            self.plain(Instant::now(), text);
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

    #[test]
    fn a_terminal_s_line_is_written_over() {
        let mut console = Console::new(Vec::new(), true);
        console.status("one");
        console.status("two");
        console.line("done");
        assert_eq!(String::from_utf8(console.out).unwrap(), "\rone\x1b[K\rtwo\x1b[K\r\x1b[Kdone\n");
    }

    #[test]
    fn a_pipe_gets_a_line_now_and_then() {
        let mut console = Console::new(Vec::new(), false);
        let start = Instant::now();
        for second in 0..12 {
            console.plain(start + Duration::from_secs(second), &format!("after {second}"));
        }
        console.line("done");
        assert_eq!(String::from_utf8(console.out).unwrap(), "after 5\nafter 10\ndone\n");
    }
}
