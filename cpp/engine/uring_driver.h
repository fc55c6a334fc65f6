// UringLoop: the completion loop as uring_loop.cpp (the loop itself, connections' begins and ends),
// uring_receive.cpp and uring_send.cpp share it. Included by these alone.
#pragma once

#include <liburing.h>

#include <memory>
#include <span>
#include <vector>

#include "engine/uring_connection.h"
#include "engine/uring_ring.h"
#include "memory/kept.h"

namespace zyphos {

class UringLoop final : public LoopCore {
 public:
  explicit UringLoop(LoopSetup setup);
  void run() override;

 private:
  std::unique_ptr<LoopConnection> make() override;
  void begin(LoopConnection& base) override;
  void serve(LoopConnection& base, Cause cause) override;
  void drop(LoopConnection& base) override;
  void watch_listener(bool on) override;
  void catch_up() override;

  // --- the loop ---
  void wait(Time until);
  void handle(const io_uring_cqe& completion);
  void arm_mailbox();
  void arm_accept();
  void accepted(const io_uring_cqe& completion);
  void accept_again(int result);
  void adopt_waiting();
  void connected(UringConnection& connection);
  void conclude(UringConnection& connection);
  void rest(UringConnection& connection);
  void forget_sends(UringConnection& connection);
  bool still_sends(const UringConnection& connection) const;
  void bury(UringConnection& connection);
  // What the kernel may do without a word.
  void unheard(io_uring_sqe& entry) const;
  void cancel(std::uint64_t what);
  void know_file(int fd, const int* file);
  // The entry, already prepared, is for this connection's socket.
  void address(io_uring_sqe& entry, Op op, UringConnection& connection) const;

  // --- receiving ---
  void received(UringConnection& connection, const io_uring_cqe& completion);
  void count_received(UringConnection& connection, const io_uring_cqe& completion);
  void take(UringConnection& connection, const io_uring_cqe& completion);
  void show(UringConnection& connection, Bytes bytes);
  void prepare_receive(io_uring_sqe& entry, UringConnection& connection);
  void arm_receive(UringConnection& connection);
  void stop_receive(UringConnection& connection);
  std::byte* own_buffer(const UringConnection& connection);
  void give_own_buffer(const UringConnection& connection);

  // --- sending ---
  void push(UringConnection& connection);
  Sending& sends_of(UringConnection& connection);
  void submit_send(UringConnection& connection);
  void submit_parts(UringConnection& connection, std::span<const ConstBytes> parts);
  bool fin_may_follow(const UringConnection& connection) const;
  void link_fin(UringConnection& connection, io_uring_sqe& send);
  void submit_zero_copy(UringConnection& connection, std::span<const ConstBytes> parts);
  void submit_together(UringConnection& connection, std::span<const ConstBytes> parts);
  void submit_apart(UringConnection& connection, std::span<const ConstBytes> parts);
  void part_sent(UringConnection& connection, int result);
  void sent(UringConnection& connection, int result);
  void account(UringConnection& connection, int result);
  void go_on(UringConnection& connection, int result);
  void taken(UringConnection& connection, int result);
  void flown(Cargo& cargo, const io_uring_cqe& completion);
  void landed(Cargo& cargo);
  bool is_mapped(ConstBytes part) const;

  const UringOptions& uring_;
  Ring ring_;
  BlockPool receive_pool_;       // for connections with a receive buffer of their own,
  std::vector<std::byte*> own_;  // where the ring has none: by their place
  std::vector<int> files_;       // i at i: what registering a file points to
  Bytes mapped_;                 // of the pool's memory, what the kernel keeps mapped
  Kept<Sending> sends_;
  io_uring_sqe* last_send_ = nullptr;
  std::uint64_t last_send_number_ = 0;
  const UringConnection* last_sender_ = nullptr;
  Fd listening_;  // once more, to end it by
  bool accepting_ = false;
  std::vector<Fd> over_limit_;  // accepted before accepting could be stopped
};

}  // namespace zyphos
