;; A program as compilers lay it out: the memory's owner, a second module with state of its own, and the import of
;; `checkpoint` wired through a table, because it is lowered with a memory that exists only later.
(component
  (import "tinderbox:job/driver@0.1.0" (instance $driver
    (export "checkpoint" (func
      (param "image" (list u8))
      (param "globals" (tuple u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64))))))

  (core module $main
    (import "shim" "checkpoint" (func $checkpoint
      (param i32 i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)))
    (memory (export "memory") 1)
    (global $stack (export "stack") (mut i32) (i32.const 1000))
    (global $wide (mut i64) (i64.const -1))
    (global $ratio (mut f64) (f64.const 0.5))
    (global $never-written (mut i32) (i32.const 7))
    (data (i32.const 16) "main")
    (data $late "late")
    (start $start)
    ;; The byte at 100 is the order in which start functions ran, as decimal digits.
    (func $start (i32.store8 (i32.const 100) (i32.add (i32.mul (i32.load8_u (i32.const 100)) (i32.const 10)) (i32.const 1))))
    (func $take-image
      (call $checkpoint (i32.const 1) (i32.const 2)
        (i64.const 9) (i64.const 9) (i64.const 9) (i64.const 9) (i64.const 9) (i64.const 9) (i64.const 9)
        (i64.const 9) (i64.const 9) (i64.const 9) (i64.const 9) (i64.const 9) (i64.const 9) (i64.const 9)))
    (func (export "main")
      (drop (memory.grow (i32.const 1)))
      (i64.store (i32.const 8) (i64.const 0x1122334455667788))
      (i32.store (i32.const 131068) (i32.const 42))
      (global.set $stack (i32.const -16))
      (global.set $wide (i64.const 0x0123456789abcdef))
      (global.set $ratio (f64.const -2.25))
      (call $take-image)
      (i32.store (i32.const 131068) (i32.const 0)))
    (func (export "run-task") (param $partition i32) (result i64)
      (call $take-image)
      (memory.init $late (i32.const 200) (i32.const 0) (i32.const 4))
      (i64.add
        (i64.add (global.get $wide) (i64.extend_i32_u (local.get $partition)))
        (i64.extend_i32_u (i32.load (i32.const 131068)))))
    (func (export "peek") (param $address i32) (result i64) (i64.load (local.get $address))))

  (core module $second
    (import "main" "memory" (memory 1))
    (import "main" "stack" (global $stack (mut i32)))
    (global $count (mut f32) (f32.const 1.5))
    (data (i32.const 32) "second")
    (start $start)
    (func $start (i32.store8 (i32.const 100) (i32.add (i32.mul (i32.load8_u (i32.const 100)) (i32.const 10)) (i32.const 2))))
    (func (export "bump") (result f32)
      (global.set $stack (i32.sub (global.get $stack) (i32.const 16)))
      (global.set $count (f32.add (global.get $count) (f32.const 1)))
      (global.get $count)))

  (core module $shim
    (type $checkpoint (func (param i32 i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)))
    (table (export "table") 1 1 funcref)
    (func (export "checkpoint") (type $checkpoint)
      (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7)
      (local.get 8) (local.get 9) (local.get 10) (local.get 11) (local.get 12) (local.get 13) (local.get 14) (local.get 15)
      (call_indirect (type $checkpoint) (i32.const 0))))
  (core module $fixup
    (import "" "checkpoint" (func $checkpoint (param i32 i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)))
    (import "" "table" (table 1 1 funcref))
    (elem (i32.const 0) func $checkpoint))

  (core instance $shim (instantiate $shim))
  (core instance $main (instantiate $main (with "shim" (instance $shim))))
  (core instance $second (instantiate $second (with "main" (instance $main))))
  (alias core export $main "memory" (core memory $memory))
  (core func $checkpoint (canon lower (func $driver "checkpoint") (memory $memory)))
  (core instance (instantiate $fixup (with "" (instance
    (export "checkpoint" (func $checkpoint))
    (export "table" (table $shim "table"))))))

  (func $start (canon lift (core func $main "main")))
  (func $run-task (param "partition" u32) (result u64) (canon lift (core func $main "run-task")))
  (func $peek (param "address" u32) (result u64) (canon lift (core func $main "peek")))
  (func $bump (result f32) (canon lift (core func $second "bump")))
  (instance $application
    (export "main" (func $start))
    (export "run-task" (func $run-task))
    (export "peek" (func $peek))
    (export "bump" (func $bump)))
  (export "tinderbox:job/application@0.1.0" (instance $application)))
