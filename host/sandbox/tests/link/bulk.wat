;; Operations of dynamic length, and a memory to look into. What the functions do is what their names say.
(component
  (core module $main
    (memory (export "memory") 2)
    (func (export "grow") (param $pages i32)
      (drop (memory.grow (local.get $pages))))
    ;; Each byte of the range gets the highest byte of a product of its address, so that neighbours differ.
    (func (export "scatter") (param $address i32) (param $length i32)
      (loop $next
        (if (local.get $length) (then
          (i32.store8 (local.get $address) (i32.shr_u (i32.mul (local.get $address) (i32.const 0x9e3779b1)) (i32.const 24)))
          (local.set $address (i32.add (local.get $address) (i32.const 1)))
          (local.set $length (i32.sub (local.get $length) (i32.const 1)))
          (br $next)))))
    (func (export "read") (param $address i32) (param $length i32) (result i32)
      (i32.store (i32.const 16) (local.get $address))
      (i32.store (i32.const 20) (local.get $length))
      (i32.const 16))
    (func (export "copy") (param $to i32) (param $from i32) (param $length i32)
      (memory.copy (local.get $to) (local.get $from) (local.get $length)))
    (func (export "fill") (param $to i32) (param $value i32) (param $length i32)
      (memory.fill (local.get $to) (local.get $value) (local.get $length)))
    ;; The bytes around the instruction, a constant and a block among them, must stay what they are.
    (func (export "mixed") (param $to i32) (result i32)
      (memory.copy (local.get $to) (i32.const 1024) (i32.const 5))
      (local.get $to)
      (block (memory.fill (local.get $to) (i32.const 7) (i32.const 2)))
      (memory.copy (i32.add (local.get $to) (i32.const 8)) (i32.const 1024) (i32.const 200))
      (i32.load8_u offset=2)))

  ;; It has no memory of its own, and a type, an import and names that would show a shift.
  (core module $second
    (type (func (param i32 i32 i32)))
    (import "main" "memory" (memory 0))
    (import "main" "copy" (func $imported (type 0)))
    (func (export "copy-twice") (param $to i32) (param $from i32) (param $length i32)
      (memory.copy (local.get $to) (local.get $from) (local.get $length))
      (call $imported (i32.add (local.get $to) (local.get $length)) (local.get $from) (local.get $length))))

  (core instance $main (instantiate $main))
  (core instance $second (instantiate $second (with "main" (instance $main))))
  (alias core export $main "memory" (core memory $memory))
  (func $grow (param "pages" u32) (canon lift (core func $main "grow")))
  (func $scatter (param "address" u32) (param "length" u32) (canon lift (core func $main "scatter")))
  (func $read (param "address" u32) (param "length" u32) (result (list u8))
    (canon lift (core func $main "read") (memory $memory)))
  (func $copy (param "to" u32) (param "from" u32) (param "length" u32) (canon lift (core func $main "copy")))
  (func $fill (param "to" u32) (param "value" u32) (param "length" u32) (canon lift (core func $main "fill")))
  (func $mixed (param "to" u32) (result u32) (canon lift (core func $main "mixed")))
  (func $copy-twice (param "to" u32) (param "from" u32) (param "length" u32)
    (canon lift (core func $second "copy-twice")))
  (instance $application
    (export "grow" (func $grow))
    (export "scatter" (func $scatter))
    (export "read" (func $read))
    (export "copy" (func $copy))
    (export "fill" (func $fill))
    (export "mixed" (func $mixed))
    (export "copy-twice" (func $copy-twice)))
  (export "tinderbox:job/application@0.1.0" (instance $application)))
