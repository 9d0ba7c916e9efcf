//! How caches are built whose entries are met a few times within moments, and never again.

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

/// A cache that keeps about `bytes` by what `weighter` says of each entry, some `entries` of the usual weight. `shards` of
/// them are locked each for itself; without a number it is the library's choice.
pub fn of_recent<K, V, W>(entries: usize, bytes: u64, shards: Option<usize>, weighter: W) -> Cache<K, V, W>
where
    K: Eq + std::hash::Hash,
    V: Clone,
    W: Weighter<K, V> + Clone,
{
    let mut options = OptionsBuilder::new();
    // What was met twice is no likelier to be met again: new entries get half of the room, not the usual few hundredths.
    options.estimated_items_capacity(entries).weight_capacity(bytes).hot_allocation(0.5);
    if let Some(shards) = shards {
        options.shards(shards);
    }
    match options.build() {
        Ok(options) => {
            Cache::with_options(options, weighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
        }
        // Options are refused that lack a capacity, and these have both. Without them it is a cache all the same.
        Err(_) => Cache::with_weighter(entries, bytes, weighter),
    }
}
