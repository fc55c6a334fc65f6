// UringOptions: each feature of the engine `uring` as a switch of its own, so that a gain can be
// taken apart. The defaults are the engine's best; which features this machine has,
// uring_features() tells (uring_features.h). Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace zyphos {

// Where the kernel does what is left of an operation when its time has come.
enum class Taskrun : std::uint8_t {
  defer,  // when the loop asks for completions (IORING_SETUP_DEFER_TASKRUN)
  coop,   // at the thread's next system call, whichever (IORING_SETUP_COOP_TASKRUN)
  none,   // at once: the thread is interrupted for it
};

struct UringOptions {
  Taskrun taskrun = Taskrun::defer;
  bool single_issuer = true;    // the kernel is told that one thread submits
  bool registered_ring = true;  // the ring's own descriptor is known to the kernel by number

  bool multishot_accept = true;      // one entry accepts connection after connection
  bool multishot_recv = true;        // one entry receives again and again
  bool buffer_ring = true;           // receives take a buffer of the loop's when there are bytes;
                                     // off: each waiting receive holds one of its own
  bool recv_bundles = false;         // one completion may fill several buffers
  bool incremental_buffers = false;  // a buffer is filled by several completions
  bool poll_first = false;           // a receive waits for readiness before it is tried

  bool registered_files = false;                  // sockets are known to the kernel by number
  std::optional<std::size_t> send_zc_bytes = {};  // sends from this size on are SEND_ZC
  bool registered_buffers = false;                // of these, from memory that stays mapped
  bool link_recv = false;                         // a receive begins after the send before it
  bool link_shutdown = false;                     // the FIN is submitted with the last send
  bool send_apart = false;                        // each part of what is sent is an entry of its
                                                  // own, all at once: nothing keeps their order
  bool link_sends = false;                        // of these: each begins after the one before it
  bool skip_success = false;  // what nobody waits for completes without a completion

  bool sqpoll = false;  // a kernel thread submits: no system call while it is awake
  std::optional<int> sqpoll_cpu = {};
  std::int64_t sqpoll_idle_ns = 1'000'000;  // so long it looks in vain before it sleeps

  unsigned submissions = 1024;  // entries of the rings: the kernel rounds up to powers of two
  unsigned completions = 8192;
  unsigned buffers = 256;  // of the buffer ring: a power of two
  std::size_t buffer_bytes = 16 * 1024;
};

// What contradicts itself in these options, in the words of the experiment file; empty: nothing.
std::string contradiction(const UringOptions& options);

}  // namespace zyphos
