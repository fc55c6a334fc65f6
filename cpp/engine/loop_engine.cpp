#include "engine/loop_engine.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <future>
#include <string>
#include <system_error>
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
    std::vector<LoopSetup> setups = set_up();
    std::vector<std::future<void>> ready;
    ready.reserve(setups.size());
    try {
      for (LoopSetup& setup : setups) ready.push_back(start_loop(std::move(setup)));
      for (auto& loop : ready) loop.get();
    } catch (...) {
      drain();
      if (dispatcher_ != nullptr) dispatcher_->close();  // whether its acceptor runs or not
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
    dispatcher_.reset();
  }

 private:
  bool hands_out() const { return options_.readiness.accepting == Accepting::acceptor; }

  // One for each loop, and of an acceptor, which is a loop without connections, the last.
  std::vector<LoopSetup> set_up() {
    Random random(options_.seed);
    std::vector<Fd> listeners = open_listeners();
    std::vector<LoopSetup> setups;
    setups.reserve(listeners.size());
    for (Fd& listener : listeners) setups.push_back(set_up(std::move(listener), random.split()));
    if (!hands_out()) return setups;
    dispatcher_ = std::make_unique<Dispatcher>(options_.readiness.hand_out, setups.back().mailbox);
    setups.back().dispatcher = dispatcher_.get();
    for (unsigned i = 0; i < options_.threads; ++i) {
      setups[i].handoff = &dispatcher_->add(setups[i].mailbox);
    }
    return setups;
  }

  LoopSetup set_up(Fd listener, Random random) {
    mailboxes_.push_back(std::make_shared<Mailbox>());
    slots_.push_back(&board_.take());
    return {.options = options_,
            .factory = factory_,
            .counters = *slots_.back(),
            .draining = draining_,
            .accepted_live = accepted_live_,
            .mailbox = mailboxes_.back(),
            .listener = std::move(listener),
            .random = random};
  }

  // Of each loop; with an acceptor only the last is one.
  std::vector<Fd> open_listeners() {
    const bool own = options_.readiness.accepting == Accepting::reuse_port;
    const ListenOptions how = listening(options_, own && options_.threads > 1);
    std::vector<Fd> listeners(options_.threads + (hands_out() ? 1 : 0));
    Fd& first = hands_out() ? listeners.back() : listeners.front();
    first = listen_on(options_.listen, how);
    address_ = local_address(first.get());
    for (unsigned i = 1; i < options_.threads && !hands_out(); ++i) {
      listeners[i] = own ? listen_on(address_, how) : same_socket(first.get());
    }
    return listeners;
  }

  static Fd same_socket(int fd) {
    Fd other(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!other) throw std::system_error(errno, std::generic_category(), "sharing the listener");
    return other;
  }

  std::future<void> start_loop(LoopSetup setup) {
    const std::size_t number = threads_.size();
    std::promise<void> promise;
    std::future<void> ready = promise.get_future();
    threads_.push_back(new_thread(
        [this, number, loop_setup = std::move(setup), announce = std::move(promise)]() mutable {
          run_loop(number, std::move(loop_setup), announce);
        }));
    return ready;
  }

  void run_loop(std::size_t number, LoopSetup setup, std::promise<void>& ready) {
    std::unique_ptr<Loop> loop;
    try {
      const bool accepts = setup.dispatcher != nullptr;
      name_thread(accepts ? "zy-accept" : "zy-" + name_ + "-" + std::to_string(number));
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
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<Counters*> slots_;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Engine> make_loop_engine(std::string_view name, const EngineOptions& options,
                                         ConnectionFactory factory, Board& board, LoopMaker maker) {
  return std::make_unique<LoopEngine>(name, options, std::move(factory), board, maker);
}

}  // namespace zyphos
