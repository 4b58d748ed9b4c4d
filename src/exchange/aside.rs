//! Long work of the processor, done so that it holds nobody up.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Bytes of text from which reading and judging is long: some two milliseconds, at 30 ns a byte. Below that, handing the
/// thread's other requests to another thread costs more than it saves them.
const LONG: usize = 64 << 10;

/// Does work on a text of that length. Where that is long, the requests that wait for this thread of the runtime go on
/// elsewhere meanwhile.
pub fn aside<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let elsewhere = || Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes >= LONG && elsewhere() { tokio::task::block_in_place(work) } else { work() }
}
