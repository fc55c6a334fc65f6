// By io_uring: one multishot recvmsg fills buffers that the kernel is lent, each datagram's answer
// leaves from the buffer that it came in, and all answers of a turn go in with the call that waits
// for more.
#include "datagram/answerer.h"
#include "datagram/not_here.h"
#include "datagram/udp_socket.h"

#if ZYPHOS_HAVE_LIBURING
#include <liburing.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "base/check.h"
#include "datagram/mapping.h"
#include "net/socket.h"
#endif

namespace zyphos::datagram {

#if ZYPHOS_HAVE_LIBURING

namespace {

constexpr unsigned kBuffers = 1024;  // a power of two
constexpr unsigned kBuffer_bytes = 2048;
constexpr unsigned short kGroup = 0;
constexpr unsigned kBetweenCounts = 1024;       // turns
constexpr std::uint64_t kReceive = 1ULL << 32;  // user_data; an answer's is its buffer
constexpr std::uint64_t kStop = 2ULL << 32;

class UringAnswerer final : public Answerer {
 public:
  UringAnswerer(const AnswerOptions& options, Counters& counters)
      : options_(options),
        counters_(counters),
        fd_(bound_socket(options.address)),
        memory_(map(kBuffers * kBuffer_bytes)),
        lent_(map(kBuffers * sizeof(io_uring_buf))),
        answers_(kBuffers) {
    busy_poll(fd_.get(), options.busy_poll_us);
    address_ = local_address(fd_.get());
    asked_.msg_namelen = sizeof(sockaddr_storage);
    make_ring();
  }
  ~UringAnswerer() override { io_uring_queue_exit(&ring_); }

  Address address() const override { return address_; }
  std::string manner() const override { return "udp io_uring multishot"; }

  void run(int stop_fd) override {
    arm();
    io_uring_sqe& stop = sqe();
    io_uring_prep_poll_add(&stop, stop_fd, POLLIN);
    stop.user_data = kStop;
    for (unsigned turns = 1; !stopped_; ++turns) {
      turn();
      if (turns % kBetweenCounts == 0) count_dropped();
    }
    count_dropped();
  }

 private:
  struct Answer {
    iovec part{};
    msghdr head{};
  };

  static Mapping map(std::size_t bytes) {
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) fail("map buffers");
    return {memory, bytes};
  }

  // By the thread that runs it: no other may submit.
  void make_ring() {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 4 * kBuffers;
    const int error = io_uring_queue_init_params(kBuffers, &ring_, &params);
    if (error < 0) {
      throw NotHere("io_uring with DEFER_TASKRUN (Linux 6.1): " +
                    std::generic_category().message(-error));
    }
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(lent_.at(0));
    registration.ring_entries = kBuffers;
    registration.bgid = kGroup;
    const int refused = io_uring_register_buf_ring(&ring_, &registration, 0);
    if (refused < 0) {
      io_uring_queue_exit(&ring_);
      throw std::system_error(-refused, std::generic_category(), "lend io_uring buffers");
    }
    io_uring_buf_ring_init(buffers());
    for (unsigned id = 0; id < kBuffers; ++id) give(id);
    hand_back();
  }

  io_uring_buf_ring* buffers() const { return reinterpret_cast<io_uring_buf_ring*>(lent_.at(0)); }
  std::byte* buffer(unsigned id) const { return memory_.at(std::size_t{id} * kBuffer_bytes); }

  void give(unsigned id) {
    io_uring_buf_ring_add(buffers(), buffer(id), kBuffer_bytes, static_cast<unsigned short>(id),
                          io_uring_buf_ring_mask(kBuffers), static_cast<int>(given_++));
  }
  void hand_back() {
    io_uring_buf_ring_advance(buffers(), static_cast<int>(given_));
    given_ = 0;
  }

  io_uring_sqe& sqe() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) {
      io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    ZY_CHECK(entry != nullptr);
    return *entry;
  }

  void arm() {
    io_uring_sqe& entry = sqe();
    io_uring_prep_recvmsg_multishot(&entry, fd_.get(), &asked_, 0);
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = kGroup;
    entry.user_data = kReceive;
    armed_ = true;
  }

  void turn() {
    const int waited = options_.spin ? io_uring_submit_and_get_events(&ring_)
                                     : io_uring_submit_and_wait(&ring_, 1);
    if (waited < 0 && waited != -EINTR && waited != -EBUSY && waited != -EAGAIN) {
      throw std::system_error(-waited, std::generic_category(), "io_uring_enter");
    }
    counters_.add(Counter::ring_enters);
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      handle(*cqe);
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
    if (given_ > 0) hand_back();
    if (!armed_) arm();
    if (count > 0) counters_.woke(count);
  }

  void count_dropped() {
    const std::uint64_t now = dropped_of(fd_.get());
    counters_.add(Counter::datagrams_dropped, now - std::exchange(dropped_, now));
  }

  void handle(const io_uring_cqe& cqe) {
    if (cqe.user_data == kStop) {
      stopped_ = true;
    } else if (cqe.user_data == kReceive) {
      received(cqe);
    } else {
      answered(static_cast<unsigned>(cqe.user_data), cqe.res);
    }
  }

  void received(const io_uring_cqe& cqe) {
    if ((cqe.flags & IORING_CQE_F_MORE) == 0) {
      armed_ = false;
      counters_.add(Counter::ring_rearms);
    }
    if (cqe.res < 0) {
      if (cqe.res == -ENOBUFS) return counters_.add(Counter::buffers_exhausted);
      if (cqe.res == -ECONNREFUSED || cqe.res == -EINTR) return;
      throw std::system_error(-cqe.res, std::generic_category(), "receive by io_uring");
    }
    const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
    io_uring_recvmsg_out* out = io_uring_recvmsg_validate(buffer(id), cqe.res, &asked_);
    ZY_CHECK(out != nullptr);
    answer(id, *out, static_cast<std::size_t>(cqe.res));
  }

  void answer(unsigned id, io_uring_recvmsg_out& out, std::size_t bytes) {
    Answer& to = answers_[id];
    to.part = {io_uring_recvmsg_payload(&out, &asked_),
               io_uring_recvmsg_payload_length(&out, static_cast<int>(bytes), &asked_)};
    to.head = {};
    to.head.msg_name = io_uring_recvmsg_name(&out);
    to.head.msg_namelen = out.namelen;
    to.head.msg_iov = &to.part;
    to.head.msg_iovlen = 1;
    counters_.add(Counter::datagrams_in);
    counters_.add(Counter::bytes_in, to.part.iov_len);
    io_uring_sqe& entry = sqe();
    io_uring_prep_sendmsg(&entry, fd_.get(), &to.head, 0);
    entry.user_data = id;
    counters_.add(Counter::ring_sqes);
  }

  void answered(unsigned id, int result) {
    if (result >= 0) {
      counters_.add(Counter::datagrams_out);
      counters_.add(Counter::requests);
      counters_.add(Counter::bytes_out, static_cast<std::uint64_t>(result));
    } else {
      counters_.add(Counter::datagrams_unsent);
    }
    give(id);
  }

  AnswerOptions options_;
  Counters& counters_;
  Fd fd_;
  Address address_;
  Mapping memory_;
  Mapping lent_;
  std::vector<Answer> answers_;  // by buffer
  msghdr asked_{};
  io_uring ring_{};
  std::uint64_t dropped_ = 0;
  unsigned given_ = 0;
  bool armed_ = false;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<Answerer> make_uring_answerer(const AnswerOptions& options, Counters& counters) {
  return std::make_unique<UringAnswerer>(options, counters);
}

#else

std::unique_ptr<Answerer> make_uring_answerer(const AnswerOptions&, Counters&) {
  throw NotHere(ZYPHOS_NO_LIBURING_REASON);
}

#endif

}  // namespace zyphos::datagram
