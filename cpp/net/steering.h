// By what the kernel chooses one of several SO_REUSEPORT listeners: small programs of classic BPF
// (socket(7), SO_ATTACH_REUSEPORT_CBPF), which every kernel since 4.5 takes without any rights. All
// must listen already, and `count` is their number; a program stays with the group when single
// listeners are closed. std::system_error where the kernel refuses.
#pragma once

namespace zyphos {

// Listener number (the CPU that receives the packet) mod `count`, in the order of their bind.
void steer_by_cpu(int listener, unsigned count);
// Any of them.
void steer_at_random(int listener, unsigned count);

}  // namespace zyphos
