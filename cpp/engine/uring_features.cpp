#include "engine/uring_features.h"

#if ZYPHOS_HAVE_LIBURING

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>
#include <system_error>
#include <utility>

#include "engine/uring_buffers.h"
#include "engine/uring_ring.h"
#include "net/fd.h"

namespace zyphos {
namespace {

std::string text_of(int error) { return std::generic_category().message(error); }

// A ring that is tried.
class Trial {
 public:
  explicit Trial(UringOptions options) {
    options.submissions = 4;
    options.completions = 8;
    io_uring_params params = ring_parameters(options);
    error_ = -io_uring_queue_init_params(options.submissions, &ring_, &params);
    features_ = params.features;
  }
  ~Trial() {
    if (error_ == 0) io_uring_queue_exit(&ring_);
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  int error() const { return error_; }
  unsigned features() const { return features_; }
  io_uring& ring() { return ring_; }

  // The errno with which the kernel refuses an entry at once; 0: it takes it.
  int refusal(const std::function<void(io_uring_sqe&)>& prepare) {
    prepare(*io_uring_get_sqe(&ring_));
    __kernel_timespec none{};
    io_uring_cqe* first = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &first, 1, &none, nullptr);
    if (io_uring_peek_cqe(&ring_, &first) != 0) return 0;
    const int result = first->res;
    io_uring_cqe_seen(&ring_, first);
    return result == -EINVAL || result == -EOPNOTSUPP ? -result : 0;
  }

 private:
  io_uring ring_{};
  int error_ = 0;
  unsigned features_ = 0;
};

// The least that any ring needs, for trying something else on it.
UringOptions plain() {
  UringOptions options;
  options.taskrun = Taskrun::none;
  options.single_issuer = false;
  options.buffers = 4;
  options.buffer_bytes = 64;
  return options;
}

std::string setup_refusal(int error, const char* lacks) {
  switch (error) {
    case 0: return {};
    case ENOSYS: return "io_uring is not in this kernel";
    case EPERM:
      return "io_uring is not permitted here (sysctl kernel.io_uring_disabled, or a sandbox)";
    case EINVAL: return std::string("io_uring here has no ") + lacks;
    default: return "io_uring_setup: " + text_of(error);
  }
}

std::string with_setup(const UringOptions& options, const char* lacks) {
  return setup_refusal(Trial(options).error(), lacks);
}

// By an operation on a socket that must not itself be why it is refused.
std::string by_entry(const char* lacks, const Fd& socket,
                     const std::function<void(io_uring_sqe&, int fd)>& prepare) {
  Trial trial(plain());
  if (trial.error() != 0) return setup_refusal(trial.error(), lacks);
  if (!socket) return "socket: " + text_of(errno);
  const int error = trial.refusal([&](io_uring_sqe& entry) { prepare(entry, socket.get()); });
  return error == 0 ? std::string{} : std::string("io_uring here has no ") + lacks;
}

struct Pair {
  Pair() {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
    one = Fd(ends[0]);
    other = Fd(ends[1]);
  }
  Fd one;
  Fd other;
};

// With an abstract name of the kernel's choice.
Fd listening() {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr any{.sa_family = AF_UNIX, .sa_data = {}};
  const bool done = ::bind(fd.get(), &any, sizeof any.sa_family) == 0 && ::listen(fd.get(), 1) == 0;
  return done ? std::move(fd) : Fd{};
}

std::string by_feature(unsigned bit, const char* lacks) {
  const Trial trial(plain());
  if (trial.error() != 0) return setup_refusal(trial.error(), lacks);
  return (trial.features() & bit) != 0 ? std::string{}
                                       : std::string("io_uring here has no ") + lacks;
}

std::string with_buffers(bool incremental, const char* lacks) {
  Trial trial(plain());
  if (trial.error() != 0) return setup_refusal(trial.error(), lacks);
  UringOptions options = plain();
  options.incremental_buffers = incremental;
  try {
    const RingBuffers buffers(trial.ring(), options);
    // The ring, which knows the buffers' memory, goes after it: nothing is received meanwhile.
    io_uring_unregister_buf_ring(&trial.ring(), RingBuffers::kGroup);
    return {};
  } catch (const std::system_error& error) {
    if (error.code().value() == EINVAL) return std::string("io_uring here has no ") + lacks;
    return error.what();
  }
}

// --- the switches ---

std::string lacks_operations() {
  Trial trial(plain());
  if (trial.error() != 0) return setup_refusal(trial.error(), "rings of chosen size");
  constexpr std::array kNeeded{IORING_OP_ACCEPT,  IORING_OP_RECV,     IORING_OP_SEND,
                               IORING_OP_SENDMSG, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL};
  constexpr unsigned kFeatures =
      IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_EXT_ARG;
  if ((trial.features() & kFeatures) != kFeatures) {
    return "io_uring here has not NODROP, SUBMIT_STABLE and EXT_ARG";
  }
  io_uring_probe* probe = io_uring_get_probe_ring(&trial.ring());
  if (probe == nullptr) return "io_uring here cannot be probed";
  std::string lacking;
  for (const auto operation : kNeeded) {
    if (io_uring_opcode_supported(probe, operation)) continue;
    lacking = "io_uring here has no operation " + std::to_string(operation);
  }
  io_uring_free_probe(probe);
  return lacking;
}

std::string lacks_defer() { return with_setup({}, "DEFER_TASKRUN (Linux 6.1 is needed)"); }

std::string lacks_coop() {
  UringOptions options = plain();
  options.taskrun = Taskrun::coop;
  return with_setup(options, "COOP_TASKRUN (Linux 5.19 is needed)");
}

std::string lacks_single_issuer() {
  UringOptions options = plain();
  options.single_issuer = true;
  return with_setup(options, "SINGLE_ISSUER (Linux 6.0 is needed)");
}

std::string lacks_sqpoll() {
  UringOptions options = plain();
  options.sqpoll = true;
  return with_setup(options, "SQPOLL");
}

std::string lacks_registered_ring() {
  Trial trial(plain());
  constexpr const char* kLacks = "registered ring descriptor (Linux 5.18 is needed)";
  if (trial.error() != 0) return setup_refusal(trial.error(), kLacks);
  const int done = io_uring_register_ring_fd(&trial.ring());
  return done >= 0 ? std::string{} : std::string("io_uring here has no ") + kLacks;
}

std::string lacks_multishot_accept() {
  constexpr const char* kLacks = "multishot accept (Linux 5.19 is needed)";
  return by_entry(kLacks, listening(), [](io_uring_sqe& entry, int fd) {
    io_uring_prep_multishot_accept(&entry, fd, nullptr, nullptr, 0);
  });
}

std::string lacks_multishot_recv() {
  const Pair pair;
  constexpr const char* kLacks = "multishot recv (Linux 6.0 is needed)";
  return by_entry(kLacks, pair.one, [](io_uring_sqe& entry, int fd) {
    io_uring_prep_recv_multishot(&entry, fd, nullptr, 0, 0);
    entry.flags |= IOSQE_BUFFER_SELECT;
  });
}

std::string lacks_poll_first() {
  const Pair pair;
  constexpr const char* kLacks = "POLL_FIRST (Linux 5.19 is needed)";
  return by_entry(kLacks, pair.one, [](io_uring_sqe& entry, int fd) {
    static char byte;
    io_uring_prep_recv(&entry, fd, &byte, 1, 0);
    entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
  });
}

std::string lacks_buffer_ring() {
  return with_buffers(false, "provided buffer rings (Linux 5.19 is needed)");
}

std::string lacks_incremental() {
  return with_buffers(true, "incremental buffers (Linux 6.12 is needed)");
}

std::string lacks_bundles() {
  return by_feature(kFeatureBundles, "bundles (Linux 6.10 is needed)");
}

std::string lacks_skip() { return by_feature(IORING_FEAT_CQE_SKIP, "CQE_SKIP (Linux 5.17)"); }

std::string lacks_files() {
  Trial trial(plain());
  constexpr const char* kLacks = "sparse registered files (Linux 5.19 is needed)";
  if (trial.error() != 0) return setup_refusal(trial.error(), kLacks);
  const int done = io_uring_register_files_sparse(&trial.ring(), 4);
  return done == 0 ? std::string{} : std::string("io_uring here has no ") + kLacks;
}

std::string lacks_buffers() {
  Trial trial(plain());
  if (trial.error() != 0) return setup_refusal(trial.error(), "registered buffers");
  static std::array<char, 64> memory;
  const iovec one{memory.data(), memory.size()};
  const int done = io_uring_register_buffers(&trial.ring(), &one, 1);
  return done == 0 ? std::string{} : "io_uring_register of a buffer: " + text_of(-done);
}

std::string lacks_send_zc() {
  const Fd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  constexpr const char* kLacks = "SEND_ZC that reports its use (Linux 6.2 is needed)";
  return by_entry(kLacks, tcp, [](io_uring_sqe& entry, int fd) {
    static char byte;
    io_uring_prep_send_zc(&entry, fd, &byte, 1, MSG_NOSIGNAL, kReportUsage);
  });
}

std::string nothing_missing() { return {}; }

struct Switch {
  const char* name;
  std::string (*missing)();
  bool (*wanted)(const UringOptions&);
};

// `wanted`: whether options need it.
constexpr std::array kSwitches{
    Switch{"operations", lacks_operations, [](const UringOptions&) { return true; }},
    Switch{"taskrun: defer", lacks_defer,
           [](const UringOptions& o) { return o.taskrun == Taskrun::defer; }},
    Switch{"taskrun: coop", lacks_coop,
           [](const UringOptions& o) { return o.taskrun == Taskrun::coop; }},
    Switch{"single_issuer", lacks_single_issuer,
           [](const UringOptions& o) { return o.single_issuer; }},
    Switch{"registered_ring", lacks_registered_ring,
           [](const UringOptions& o) { return o.registered_ring; }},
    Switch{"multishot_accept", lacks_multishot_accept,
           [](const UringOptions& o) { return o.multishot_accept; }},
    Switch{"multishot_recv", lacks_multishot_recv,
           [](const UringOptions& o) { return o.multishot_recv; }},
    Switch{"buffer_ring", lacks_buffer_ring, [](const UringOptions& o) { return o.buffer_ring; }},
    Switch{"recv_bundles", lacks_bundles, [](const UringOptions& o) { return o.recv_bundles; }},
    Switch{"incremental_buffers", lacks_incremental,
           [](const UringOptions& o) { return o.incremental_buffers; }},
    Switch{"poll_first", lacks_poll_first, [](const UringOptions& o) { return o.poll_first; }},
    Switch{"registered_files", lacks_files,
           [](const UringOptions& o) { return o.registered_files; }},
    Switch{"send_zc", lacks_send_zc,
           [](const UringOptions& o) { return o.send_zc_bytes.has_value(); }},
    Switch{"registered_buffers", lacks_buffers,
           [](const UringOptions& o) { return o.registered_buffers; }},
    Switch{"links", nothing_missing,
           [](const UringOptions& o) { return o.link_recv || o.link_shutdown; }},
    Switch{"skip_success", lacks_skip, [](const UringOptions& o) { return o.skip_success; }},
    Switch{"sqpoll", lacks_sqpoll, [](const UringOptions& o) { return o.sqpoll; }},
};

}  // namespace

std::vector<UringFeature> uring_features() {
  std::vector<UringFeature> features;
  features.reserve(kSwitches.size());
  for (const Switch& one : kSwitches) features.push_back({one.name, one.missing()});
  return features;
}

std::string uring_missing(const UringOptions& options) {
  for (const Switch& one : kSwitches) {
    if (!one.wanted(options)) continue;
    const std::string missing = one.missing();
    if (!missing.empty()) return missing;
  }
  return {};
}

}  // namespace zyphos

#else

namespace zyphos {

std::vector<UringFeature> uring_features() { return {{"operations", ZYPHOS_NO_LIBURING_REASON}}; }

std::string uring_missing(const UringOptions&) { return ZYPHOS_NO_LIBURING_REASON; }

}  // namespace zyphos

#endif  // ZYPHOS_HAVE_LIBURING
