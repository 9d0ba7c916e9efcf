//! How RocksDB tables are laid out so that a small cache serves a database of any size.

use rocksdb::{BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, LruCacheOptions, Options};

/// Four shards: RocksDB would cut a cache of 16 MiB into 32, each too small for more than a few blocks.
const SHARD_BITS: i32 = 2;
/// Keys are long and most values short: larger blocks than RocksDB's 4 KiB make the indexes smaller.
const BLOCK_BYTES: usize = 16 << 10;
/// A certificate is 4 to 5 kB, every other record less than one.
const LONG_VALUE_BYTES: u64 = 1 << 10;

/// The first two levels are rewritten soon: only what sinks below is worth compressing.
const YOUNG_UNCOMPRESSED: [DBCompressionType; 3] =
    [DBCompressionType::None, DBCompressionType::None, DBCompressionType::Lz4];
/// Twice RocksDB's own: each compaction rewrites the whole first level, and filters make up for more tables.
const FLUSHES_TO_A_COMPACTION: i32 = 8;

/// A block cache of this many bytes, for data, indexes and filters together.
pub fn cache(bytes: usize) -> Cache {
    let mut options = LruCacheOptions::default();
    options.set_capacity(bytes);
    options.set_num_shard_bits(SHARD_BITS);
    Cache::new_lru_cache_opts(&options)
}

/// Lays out the tables and files of a column family.
///
/// Indexes and filters are cut into partitions that come and go in the cache like data: an index in one piece
/// grows with its table until it fits no cache, and is then read and unpacked again for each lookup. Long values
/// lie in files of their own, so that compaction, which works through keys again and again, leaves them alone.
pub fn lay_out(options: &mut Options, cache: &Cache) {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(BLOCK_BYTES);
    table.set_format_version(6);
    table.set_bloom_filter(10.0, false);
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_top_level_index_and_filter(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    options.set_block_based_table_factory(&table);
    options.set_compression_per_level(&YOUNG_UNCOMPRESSED);
    options.set_level_zero_file_num_compaction_trigger(FLUSHES_TO_A_COMPACTION);
    options.set_enable_blob_files(true);
    options.set_min_blob_size(LONG_VALUE_BYTES);
    options.set_blob_compression_type(DBCompressionType::Lz4);
    options.set_enable_blob_gc(true);
    options.set_blob_cache(cache);
}
