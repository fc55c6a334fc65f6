#include "ipc/channel.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "base/check.h"
#include "ipc/ring.h"

namespace zyphos::ipc {
namespace {

[[noreturn]] void fail(int error, const std::string& doing) {
  throw std::system_error(error, std::generic_category(), doing);
}

int checked(int result, const char* doing) {
  if (result < 0) fail(errno, doing);
  return result;
}

// Messages through the kernel: `in` and `out` are one socket, or the ends of two pipes. A socket
// that keeps messages apart gives one a call, whatever room there is.
class KernelChannel final : public Channel {
 public:
  KernelChannel(const ChannelOptions& options, Fd in, Fd out)
      : in_(std::move(in)),
        out_(std::move(out)),
        message_bytes_(options.message_bytes),
        // Whole messages, so that the last is never cut off by the buffer's end.
        buffer_(options.buffer_bytes / message_bytes_ * message_bytes_) {}

  void send(ConstBytes message) override {
    const int fd = out_ ? out_.get() : in_.get();
    while (!message.empty()) {
      const ssize_t taken = ::write(fd, message.data(), message.size());
      if (taken > 0) {
        message = message.subspan(static_cast<std::size_t>(taken));
      } else if (errno != EINTR) {
        fail(errno, "sending a message");
      }
    }
  }

  ConstBytes receive() override {
    while (filled_ - shown_ < message_bytes_) read_more();
    const ConstBytes message = ConstBytes(buffer_).subspan(shown_, message_bytes_);
    shown_ += message_bytes_;
    return message;
  }

 private:
  void read_more() {
    if (shown_ == filled_) shown_ = filled_ = 0;
    const ssize_t got = ::read(in_.get(), buffer_.data() + filled_, buffer_.size() - filled_);
    if (got > 0) {
      filled_ += static_cast<std::size_t>(got);
    } else if (got == 0 || errno != EINTR) {
      fail(got == 0 ? EPIPE : errno, "receiving a message");
    }
  }

  Fd in_;
  Fd out_;  // none: it is `in_`
  std::size_t message_bytes_;
  std::vector<std::byte> buffer_;
  std::size_t shown_ = 0;
  std::size_t filled_ = 0;
};

class Memory {
 public:
  Memory(const Fd& fd, std::size_t bytes) : bytes_(bytes) {
    // Populated at once: the first message of each slot must not pay for its page.
    memory_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd.get(),
                     off_t{0});
    if (memory_ == MAP_FAILED) fail(errno, "mapping the rings");
  }
  ~Memory() { ::munmap(memory_, bytes_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void* at(std::size_t offset) const { return static_cast<std::byte*>(memory_) + offset; }

 private:
  void* memory_ = nullptr;
  std::size_t bytes_;
};

// Of a ring channel's descriptors: the memory, then for each ring (questions, answers) an eventfd
// for data and one for room.
int eventfd_of(const std::vector<Fd>& descriptors, std::size_t ring, std::size_t which) {
  return descriptors.size() == 1 ? -1 : descriptors[1 + 2 * ring + which].get();
}

class RingChannel final : public Channel {
 public:
  RingChannel(const ChannelOptions& options, Side side, std::vector<Fd> descriptors)
      : descriptors_(std::move(descriptors)),
        shape_(options),
        memory_(descriptors_.front(), 2 * shape_.bytes),
        writer_(end<RingWriter>(options, side == Side::ask ? 0 : 1)),
        reader_(end<RingReader>(options, side == Side::ask ? 1 : 0)) {}

  void send(ConstBytes message) override { writer_.send(message); }
  ConstBytes receive() override { return reader_.receive(); }

 private:
  template <class End>
  End end(const ChannelOptions& options, std::size_t ring) const {
    return {memory_.at(ring * shape_.bytes), options, eventfd_of(descriptors_, ring, 0),
            eventfd_of(descriptors_, ring, 1)};
  }

  std::vector<Fd> descriptors_;
  RingShape shape_;
  Memory memory_;
  RingWriter writer_;
  RingReader reader_;
};

// A pipe of this size: its reading end, its writing end.
std::array<Fd, 2> sized_pipe(std::uint64_t bytes) {
  std::array<int, 2> made{};
  checked(::pipe2(made.data(), O_CLOEXEC), "pipe2");
  std::array<Fd, 2> ends{Fd(made[0]), Fd(made[1])};
  checked(::fcntl(made[1], F_SETPIPE_SZ, static_cast<int>(bytes)),
          "a pipe of this size (fs.pipe-max-size)");
  return ends;
}

// Of each end: what it reads, then what it writes.
Ends pipes(const ChannelOptions& options) {
  auto [question, ask] = sized_pipe(options.buffer_bytes);
  auto [answer, reply] = sized_pipe(options.buffer_bytes);
  Ends ends;
  ends.asker.push_back(std::move(answer));
  ends.asker.push_back(std::move(ask));
  ends.answerer.push_back(std::move(question));
  ends.answerer.push_back(std::move(reply));
  return ends;
}

// The kernel caps what it is asked for without a word.
void set_buffer(int fd, std::uint64_t bytes) {
  const int asked = static_cast<int>(bytes);
  int given = 0;
  socklen_t size = sizeof given;
  checked(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &asked, sizeof asked), "SO_SNDBUF");
  checked(::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &given, &size), "SO_SNDBUF");
  if (given / 2 < asked) fail(EINVAL, "a send buffer beyond net.core.wmem_max");
}

Ends sockets(const ChannelOptions& options) {
  const int type = options.by == By::unix_stream      ? SOCK_STREAM
                   : options.by == By::unix_seqpacket ? SOCK_SEQPACKET
                                                      : SOCK_DGRAM;
  std::array<int, 2> made{};
  checked(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, made.data()), "socketpair");
  Ends ends;
  ends.asker.emplace_back(made[0]);
  ends.answerer.emplace_back(made[1]);
  for (const int fd : made) set_buffer(fd, options.buffer_bytes);
  return ends;
}

Ends rings(const ChannelOptions& options) {
  Ends ends;
  ends.asker.emplace_back(checked(::memfd_create("zyphos-ipc", MFD_CLOEXEC), "memfd_create"));
  const auto bytes = static_cast<off_t>(2 * RingShape(options).bytes);
  checked(::ftruncate(ends.asker.front().get(), bytes), "the rings' size");
  for (std::size_t i = 1; i < descriptors_of(options.by); ++i) {
    ends.asker.emplace_back(checked(::eventfd(0, EFD_CLOEXEC), "eventfd"));
  }
  for (const Fd& fd : ends.asker) {
    ends.answerer.emplace_back(checked(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0), "F_DUPFD"));
  }
  return ends;
}

}  // namespace

std::size_t descriptors_of(By by) {
  if (by == By::pipe) return 2;
  return by == By::eventfd ? 5 : 1;
}

Ends make_ends(const ChannelOptions& options) {
  if (in_shared_memory(options.by)) return rings(options);
  return options.by == By::pipe ? pipes(options) : sockets(options);
}

std::unique_ptr<Channel> open_channel(const ChannelOptions& options, Side side,
                                      std::vector<Fd> descriptors) {
  ZY_CHECK(descriptors.size() == descriptors_of(options.by));
  if (in_shared_memory(options.by)) {
    return std::make_unique<RingChannel>(options, side, std::move(descriptors));
  }
  Fd out = descriptors.size() == 2 ? std::move(descriptors[1]) : Fd();
  return std::make_unique<KernelChannel>(options, std::move(descriptors[0]), std::move(out));
}

}  // namespace zyphos::ipc
