#include "engine/prefork_engine.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "engine/prefork_supervisor.h"
#include "net/passing.h"
#include "net/socket.h"
#include "net/steering.h"

namespace zyphos {
namespace {

class PreforkEngine final : public Engine {
 public:
  PreforkEngine(const EngineOptions& options, ConnectionFactory factory, Board& board)
      : options_(options), factory_(std::move(factory)), board_(board) {
    options_.readiness.trigger = options_.readiness.trigger.value_or(Trigger::level);
  }

  ~PreforkEngine() override {
    drain();
    join();
  }

  void start() override {
    ZY_CHECK(supervisor_ == 0);
    std::vector<Fd> listeners = open_listeners();
    take_counters();
    auto [mine, its] = passing_pair();
    set_blocking(mine.get(), true);
    const pid_t owner = ::getpid();
    supervisor_ = ::fork();
    if (supervisor_ < 0) {
      const int error = errno;
      supervisor_ = 0;
      throw std::system_error(error, std::generic_category(), "starting the supervisor");
    }
    if (supervisor_ == 0) {
      mine.reset();
      ::_exit(supervise({.options = options_,
                         .factory = factory_,
                         .scoreboard = *scoreboard_,
                         .counters = *counters_.back(),
                         .listeners = std::move(listeners),
                         .control = std::move(its),
                         .owner = owner}));
    }
    control_ = std::move(mine);
    its.reset();
    await_ready();
  }

  Address address() const override { return address_; }
  void drain() override { tell(kDrain); }
  bool reload() override {
    tell(kReload);
    return true;
  }
  int ended_fd() const override { return control_.get(); }

  void join() override {
    if (supervisor_ > 0) {
      while (::waitpid(supervisor_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    supervisor_ = 0;
    control_.reset();
    scoreboard_.reset();
    for (Counters* slot : counters_) board_.retire(*slot);
    counters_.clear();
  }

  std::vector<WorkerStatus> workers() const {
    return scoreboard_ == nullptr ? std::vector<WorkerStatus>{} : scoreboard_->workers();
  }
  pid_t supervisor() const { return supervisor_; }

 private:
  // One for each worker, or one.
  std::vector<Fd> open_listeners() {
    const PreforkOptions& prefork = options_.prefork;
    const unsigned count = prefork.accept == WorkerAccept::reuse_port ? prefork.workers : 1;
    const ListenOptions how = listening(options_, count > 1);
    std::vector<Fd> listeners;
    listeners.push_back(listen_on(options_.listen, how));
    address_ = local_address(listeners.front().get());
    while (listeners.size() < count) listeners.push_back(listen_on(address_, how));
    if (count > 1) steer(listeners.front().get(), prefork.steer, count);
    return listeners;
  }

  static void steer(int listener, Steer by, unsigned count) {
    if (by == Steer::cpu) steer_by_cpu(listener, count);
    if (by == Steer::random) steer_at_random(listener, count);
  }

  // Of each cell of the scoreboard, and the supervisor's own, the last.
  void take_counters() {
    const unsigned places = places_of(options_.prefork);
    for (unsigned i = 0; i < places * Scoreboard::kCellsPerPlace + 1; ++i) {
      counters_.push_back(&board_.take());
    }
    scoreboard_ = std::make_unique<Scoreboard>(
        places, std::vector<Counters*>(counters_.begin(), counters_.end() - 1));
  }

  // Returns when every worker serves. std::system_error with what the supervisor says.
  void await_ready() {
    std::array<char, kComplaint_bytes> said{};
    ssize_t size = -1;
    do {
      size = ::recv(control_.get(), said.data(), said.size(), 0);
    } while (size < 0 && errno == EINTR);
    if (size == 1 && said[0] == kReady) return;
    std::string why = size > 0 ? std::string(said.data(), static_cast<std::size_t>(size))
                               : "the supervisor has ended";
    join();
    throw std::system_error(ECHILD, std::generic_category(), why);
  }

  // Who has ended hears nothing.
  void tell(char what) {
    if (control_) ::send(control_.get(), &what, 1, MSG_NOSIGNAL);
  }

  EngineOptions options_;
  ConnectionFactory factory_;
  Board& board_;
  Address address_;
  std::vector<Counters*> counters_;
  std::unique_ptr<Scoreboard> scoreboard_;
  Fd control_;
  pid_t supervisor_ = 0;
};

}  // namespace

std::unique_ptr<Engine> make_prefork_engine(const EngineOptions& options, ConnectionFactory factory,
                                            Board& board) {
  return std::make_unique<PreforkEngine>(options, std::move(factory), board);
}

std::vector<WorkerStatus> workers_of(const Engine& engine) {
  const auto* prefork = dynamic_cast<const PreforkEngine*>(&engine);
  return prefork == nullptr ? std::vector<WorkerStatus>{} : prefork->workers();
}

pid_t supervisor_of(const Engine& engine) {
  const auto* prefork = dynamic_cast<const PreforkEngine*>(&engine);
  return prefork == nullptr ? 0 : prefork->supervisor();
}

}  // namespace zyphos
