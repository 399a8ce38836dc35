//! Many small pieces of work on all cores.

use std::sync::{Mutex, PoisonError};

/// Does the work for every item, several at a time; results come in the order of the items.
pub(super) fn side_by_side<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let todo = Mutex::new(items.into_iter().enumerate());
    let share = || {
        let next = || todo.lock().unwrap_or_else(PoisonError::into_inner).next();
        std::iter::from_fn(next).map(|(at, item)| (at, work(item))).collect::<Vec<_>>()
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(share)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::side_by_side;

    #[test]
    fn results_keep_the_order_of_the_items() {
        assert_eq!(
            side_by_side((0..100).collect(), |item| item * 2),
            (0..200).step_by(2).collect::<Vec<i32>>()
        );
        assert!(side_by_side(Vec::<i32>::new(), |item| item).is_empty());
    }
}
