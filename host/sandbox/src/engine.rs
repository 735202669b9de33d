//! The engine's settings, in one place: what is compiled, how instances are pooled, how guests stay killable.

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Native stack that a guest's own frames may take; threads that run guests have more (see [`THREAD_STACK_BYTES`]).
const GUEST_STACK_BYTES: usize = 2 << 20;

/// Native stack for a thread that runs guests: the guest's frames, and the host's below and above them.
pub const THREAD_STACK_BYTES: usize = 8 << 20;

/// Memory that a pool slot keeps between attempts. With `pagemap_scan` only pages that the last attempt wrote are restored,
/// so a large value costs nothing for small attempts (13 instead of 50 µs an attempt). What a large one wrote is cleared, which
/// is cheaper than faulting it in again: with 32 MiB, a sort of 62 MiB a task spends a fifth more of the system's time. No more
/// than a task's share of memory can stay, since no task has more.
const KEEP_RESIDENT_BYTES: usize = 128 << 20;

/// A larger image that is sparse would silently lose copy-on-write and be copied for each attempt.
const DENSE_IMAGE_BYTES: u64 = 1 << 32;

/// The program's memory and the interrupt memory.
const MEMORIES: u32 = 2;

/// Core instances, tables and table elements of one component: CPython takes 17 and 5,700, Rust 9 and a few.
const CORE_INSTANCES: u32 = 32;
const TABLES: u32 = 16;
const TABLE_ELEMENTS: usize = 100_000;

/// What two engines must share so that one may load what the other compiled. Part of the key of cached artefacts.
pub(crate) const SETTINGS: &str =
    "wasmtime 48.0.8; safepoints; no relaxed SIMD, threads, GC, memory64, exceptions; link 4";

/// An engine that can hold `instances` instances at a time.
///
/// NaNs are left as the processor makes them: canonical ones cost k-means three quarters more time, and the bits of a NaN
/// differ only between kinds of processor. What leaves a task is made canonical where it is encoded, by the SDK.
pub(crate) fn new(instances: u32) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(true)
        .wasm_memory64(false)
        .epoch_interruption(false)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .memory_guaranteed_dense_image_size(DENSE_IMAGE_BYTES)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    Engine::new(&config)
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_ELEMENTS * size_of::<usize>())
        .max_unused_warm_slots(instances)
        .max_memory_size(u32::MAX as usize)
        .table_elements(TABLE_ELEMENTS)
        .max_component_instance_size(8 << 20)
        .max_core_instance_size(8 << 20)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_component(TABLES)
        .total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES)
        .total_memories(instances * MEMORIES)
        .total_tables(instances * TABLES);
    pool
}
