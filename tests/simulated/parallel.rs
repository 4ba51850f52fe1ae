//! Many simulations at once: each in a runtime of its own, under its own paused time, on as many threads as there are
//! processors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many failures are told in full.
const MOST_TOLD: usize = 3;

/// Runs a simulation for each case, and returns what each has come to, in the order of the cases.
///
/// # Panics
/// When any of them has failed, naming those that have.
pub fn each<C, T>(cases: &[C], simulate: impl AsyncFn(&C) -> T + Sync) -> Vec<T>
where
    C: std::fmt::Display + Sync,
    T: Send,
{
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((index, case)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, cases.get(i)?)))
        {
            let result = catch_unwind(AssertUnwindSafe(|| in_paused_time(simulate(case))));
            results.lock().unwrap().push((index, result));
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        (0..threads).for_each(|_| drop(scope.spawn(work)));
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(index, _)| *index);
    let mut failures = Vec::new();
    let mut done = Vec::new();
    for (index, result) in results {
        match result {
            Ok(result) => done.push(result),
            Err(panic) => failures.push((&cases[index], panic)),
        }
    }
    if !failures.is_empty() {
        let first_line = |panic: &(dyn Any + Send)| text(panic).lines().next().unwrap_or_default().to_owned();
        let names: Vec<String> =
            failures.iter().map(|(case, panic)| format!("{case}: {}", first_line(&**panic))).collect();
        let told: Vec<String> =
            failures.iter().take(MOST_TOLD).map(|(case, panic)| format!("{case}:\n{}", text(&**panic))).collect();
        panic!("{} of {} failed:\n{}\n\n{}", failures.len(), cases.len(), names.join("\n"), told.join("\n\n"));
    }
    done
}

/// Runs a simulation to its end.
fn in_paused_time<T>(simulation: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime can be built").block_on(simulation)
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
