#include "engine/loop_engine.h"

#include <algorithm>
#include <exception>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "base/check.h"
#include "net/cpu.h"
#include "net/flush.h"
#include "net/socket.h"

namespace zyphos {
namespace {

class LoopEngine final : public Engine {
 public:
  LoopEngine(std::string_view name, const EngineOptions& options, ConnectionFactory factory,
             Board& board, LoopMaker maker)
      : name_(name), options_(options), factory_(std::move(factory)), board_(board), maker_(maker) {
    options_.threads = std::max(options_.threads, 1U);
  }

  ~LoopEngine() override {
    drain();
    join();
  }

  void start() override {
    ZY_CHECK(threads_.empty());
    Random random(options_.seed);
    ListenOptions listening{
        .backlog = options_.backlog, .reuse_port = options_.threads > 1, .socket = options_.socket};
    std::vector<Fd> listeners;
    listeners.reserve(options_.threads);
    address_ = options_.listen;
    for (unsigned i = 0; i < options_.threads; ++i) {
      listeners.push_back(listen_on(address_, listening));
      address_ = local_address(listeners.back().get());
    }
    std::vector<std::future<void>> ready;
    ready.reserve(options_.threads);
    for (unsigned i = 0; i < options_.threads; ++i) {
      ready.push_back(start_loop(i, std::move(listeners[i]), random.split()));
    }
    try {
      for (auto& loop : ready) loop.get();
    } catch (...) {
      drain();
      join();
      throw;
    }
  }

  Address address() const override { return address_; }

  void drain() override {
    draining_.store(true, std::memory_order_release);
    for (const auto& mailbox : mailboxes_) mailbox->poke();
  }

  void join() override {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    for (Counters* slot : slots_) board_.retire(*slot);
    slots_.clear();
    mailboxes_.clear();
  }

 private:
  std::future<void> start_loop(unsigned number, Fd listener, Random random) {
    mailboxes_.push_back(std::make_shared<Mailbox>());
    slots_.push_back(&board_.take());
    LoopSetup setup{.options = options_,
                    .factory = factory_,
                    .counters = *slots_.back(),
                    .draining = draining_,
                    .accepted_live = accepted_live_,
                    .mailbox = mailboxes_.back(),
                    .listener = std::move(listener),
                    .random = random};
    std::promise<void> promise;
    std::future<void> ready = promise.get_future();
    threads_.emplace_back(
        [this, number, loop_setup = std::move(setup), announce = std::move(promise)]() mutable {
          run_loop(number, std::move(loop_setup), announce);
        });
    return ready;
  }

  void run_loop(unsigned number, LoopSetup setup, std::promise<void>& ready) {
    std::unique_ptr<Loop> loop;
    try {
      name_thread("zy-" + name_ + "-" + std::to_string(number));
      if (!options_.cpus.empty()) pin_thread(options_.cpus[number % options_.cpus.size()]);
      block_sigpipe();
      loop = maker_(std::move(setup));
    } catch (...) {
      ready.set_exception(std::current_exception());
      return;
    }
    ready.set_value();
    loop->run();
  }

  std::string name_;
  EngineOptions options_;
  ConnectionFactory factory_;
  Board& board_;
  LoopMaker maker_;
  Address address_;
  std::atomic<bool> draining_ = false;
  std::atomic<std::size_t> accepted_live_ = 0;
  std::vector<std::shared_ptr<Mailbox>> mailboxes_;
  std::vector<Counters*> slots_;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Engine> make_loop_engine(std::string_view name, const EngineOptions& options,
                                         ConnectionFactory factory, Board& board, LoopMaker maker) {
  return std::make_unique<LoopEngine>(name, options, std::move(factory), board, maker);
}

}  // namespace zyphos
