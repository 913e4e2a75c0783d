//! Contexts that follow every `tokio::spawn`, also in crates that know nothing of this one.
//!
//! Tokio's task hooks are unstable: this module is there when everything is compiled with `--cfg tokio_unstable`. It costs a
//! map entry for each task that is spawned in a context, and a look at the map for each poll; `tokio::task::spawn_blocking` is
//! not a task, and is not covered.
//!
//! ```
//! let mut builder = tokio::runtime::Builder::new_current_thread();
//! laneway::automatic::install(&mut builder);
//! # builder.build().unwrap();
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Builder;
use tokio::task::Id;

use crate::context::{Context, ContextGuard};

/// A power of two.
const SHARDS: usize = 64;

/// The contexts of the tasks of one runtime.
struct Tasks([Mutex<HashMap<Id, Context>>; SHARDS]);

thread_local! {
    /// What the tasks that are being polled on this thread have entered: usually one.
    static ENTERED: RefCell<Vec<(Id, ContextGuard)>> = const { RefCell::new(Vec::new()) };
}

/// Lets each task of the runtime begin in the context that it is spawned in. A runtime has one hook of each kind: others that
/// are set before are replaced, and setting others afterwards replaces these.
pub fn install(builder: &mut Builder) -> &mut Builder {
    let tasks = Arc::new(Tasks(std::array::from_fn(|_| Mutex::default())));
    let (spawned, polled, ended) = (tasks.clone(), tasks.clone(), tasks);
    builder
        .on_task_spawn(move |task| {
            let context = Context::current();
            if !context.is_empty() {
                spawned.shard(task.id(), |contexts| contexts.insert(task.id(), context));
            }
        })
        .on_before_task_poll(move |task| {
            if let Some(context) = polled.shard(task.id(), |contexts| contexts.get(&task.id()).cloned()) {
                let guard = context.enter();
                ENTERED.with_borrow_mut(|entered| entered.push((task.id(), guard)));
            }
        })
        .on_after_task_poll(|task| leave(task.id()))
        .on_task_terminate(move |task| {
            // After a panic there is no other word of the poll's end.
            leave(task.id());
            ended.shard(task.id(), |contexts| contexts.remove(&task.id()));
        })
}

fn leave(id: Id) {
    let left = ENTERED.try_with(|entered| {
        let mut entered = entered.borrow_mut();
        let at = entered.iter().rposition(|(task, _)| *task == id)?;
        Some(entered.remove(at))
    });
    // Outside of the borrow: leaving a context is not nothing.
    drop(left);
}

impl Tasks {
    fn shard<T>(&self, id: Id, f: impl FnOnce(&mut HashMap<Id, Context>) -> T) -> T {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(id);
        let shard = &self.0[hash as usize & (SHARDS - 1)];
        f(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
