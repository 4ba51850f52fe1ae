//! Listens to everything that the operator says of itself, at the highest level of the log, and to every panic: no secret
//! must ever be in it.
//!
//! A simulation runs on one thread, so what is said on a thread belongs to the test that runs there.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use test_support::secrets;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

thread_local! {
    static LEAKS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Takes note of a text that anybody may see.
pub fn overhear(text: &str) {
    if let Some(leak) = secrets::find(text) {
        LEAKS.with_borrow_mut(|leaks| leaks.push(format!("a secret is given away: {leak}")));
    }
}

/// The secrets that were given away since this was last asked.
pub fn leaks() -> Vec<String> {
    LEAKS.with_borrow_mut(std::mem::take)
}

/// Listens from now on.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let spoken = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(|| Ear)
            .finish();
        tracing::subscriber::set_global_default(spoken).expect("nobody else listens");
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            overhear(&panic.to_string());
            usual(panic);
        }));
    });
}

/// Hears a line of the log at a time.
struct Ear;

impl Write for Ear {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        overhear(&String::from_utf8_lossy(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn whatever_is_logged_is_heard() {
    listen();
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9.c2lnbmF0dXJl";
    let said: [fn(&str); 3] = [
        |token| tracing::trace!(token, "an event"),
        |token| drop(tracing::trace_span!("a span", token).entered()),
        |token| drop(std::panic::catch_unwind(|| panic!("a panic with {token}"))),
    ];
    for say in said {
        say(token);
        assert_eq!(leaks().len(), 1);
    }
    tracing::trace!("nothing secret");
    assert_eq!(leaks().len(), 0);
}
