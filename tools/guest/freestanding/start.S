# Where the program begins: 32-bit protected mode without paging, as a multiboot 1 loader leaves it, with
# 0x2badb002 in eax and the loader's information in ebx. A loader that has neither may start it the same way
# with another eax.
  .section .multiboot, "a"
  .align 4
  .long 0x1badb002            # magic, flags (memory information), checksum
  .long 0x00000002
  .long -(0x1badb002 + 0x00000002)

  .text
  .globl start
start:
  cli
  cld
  movl $stack_end, %esp
  lgdt descriptor_table_pointer
  ljmp $0x08, $1f
1:
  movw $0x10, %cx
  movw %cx, %ds
  movw %cx, %es
  movw %cx, %fs
  movw %cx, %gs
  movw %cx, %ss
  pushl %ebx
  pushl %eax
  call run
2:
  cli
  hlt
  jmp 2b

# 48 entries of 16 bytes: 0 to 31 the processor's exceptions, 32 to 47 the lines of both PICs.
  .globl interrupt_entries
  .align 16
interrupt_entries:
  vector = 0
  .rept 48
  .align 16
  pushl $vector
  jmp interrupt_common
  vector = vector + 1
  .endr

interrupt_common:
  pushal
  pushl 32(%esp)
  call interrupt
  addl $4, %esp
  # Back without iret, which KVM does not know where it has to emulate 32-bit code. Instruction pointer,
  # selector, flags on the stack become flags, instruction pointer; popfl may let the next interrupt in.
  movl 36(%esp), %eax
  movl 44(%esp), %ecx
  movl %eax, 44(%esp)
  movl %ecx, 40(%esp)
  popal
  addl $8, %esp
  popfl
  ret

  .section .rodata
  .align 8
descriptor_table:             # null, flat code, flat data
  .quad 0
  .quad 0x00cf9a000000ffff
  .quad 0x00cf92000000ffff
descriptor_table_pointer:
  .word . - descriptor_table - 1
  .long descriptor_table

  .bss
  .align 16
  .skip 32768
stack_end:
