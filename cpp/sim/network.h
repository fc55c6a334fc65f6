// Network: connections on a simulated network in virtual time. It drives the same objects that
// engines drive on sockets, as an engine would: wakes, deadlines, back-pressure, half-close, reset,
// graceful draining. The same seed gives the same run, event by event (hash()).
//
// Not thread-safe: wakes too must come from the simulation's thread (app::Timers is given for
// that).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/timers.h"
#include "base/address.h"
#include "protocol/slot.h"
#include "sim/events.h"
#include "sim/link.h"

namespace zyphos::sim {

using EndId = std::uint32_t;  // one side of a connection

struct NetworkOptions {
  std::uint64_t seed = 1;
  LinkOptions link;
  SlotLimits limits;
};

class Network final : public app::Timers, public Dialer {
 public:
  using Factory = std::function<std::unique_ptr<Connection>()>;
  // Called after each round of a connection; true: pump it again (it was given something to do).
  using AfterRound = std::function<bool(EndId)>;

  explicit Network(const NetworkOptions& options);
  ~Network() override;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  void listen(const Address& address, Factory factory);
  EndId connect(const Address& address, std::unique_ptr<Connection> connection,
                AfterRound after_round = {});
  // Dialer, for connections that dial.
  void dial(const Address& address, std::unique_ptr<Connection> connection) override {
    connect(address, std::move(connection));
  }
  // Timers, for applications: the waker is called at `due`.
  void wake_at(Time due, Waker waker) override;
  void at(Time due, std::function<void()> action);

  // The host of `end` half-closes, or resets, whatever its connection thinks of it.
  void half_close(EndId end);
  void reset(EndId end);
  // Pumps a connection that was given something to do.
  void poke(EndId end);
  // Accepting sides drain.
  void drain();

  // One event; false when there is none.
  bool step();
  void run_until(Time time);
  // Until nothing happens any more. Idle connections with a timeout run into it.
  void run();

  Time now() const { return now_; }
  // Of all events so far.
  std::uint64_t hash() const { return hash_; }
  std::uint64_t events() const { return happened_; }
  // nullptr once it has ended.
  Slot* slot(EndId end);
  Errc error(EndId end) const { return ends_[end]->error; }
  // How many connections' sides are open.
  std::size_t open_ends() const { return open_; }
  Counters& accepted_counters() { return accepting_.counters; }
  Counters& dialed_counters() { return dialing_.counters; }
  BlockPool& pool() { return pool_; }

 private:
  class Loop;
  struct Host {
    explicit Host(Network& network);

    Counters counters;
    std::atomic<bool> draining{false};
    Driver driver;
  };
  struct End {
    End(Host& on, const LinkOptions& link) : host(on), out(link) {}
    Host& host;
    Link out;
    std::optional<Slot> slot;
    EndId peer = 0;
    bool has_peer = false;
    std::string arrived;       // not yet taken: the connection brakes
    bool fin_arrived = false;  // behind `arrived`
    bool fin_left = false;
    Time deadline = Time::never();  // of the earliest deadline event
    Errc error = Errc::ok;
    AfterRound after_round;
  };

  EndId add_end(Host& host);
  void open(EndId id, std::unique_ptr<Connection> connection);
  void post(Time due, Kind kind, EndId end, std::uint64_t size = 0, std::string bytes = {});
  void happen(const Event& event, Payload& payload);
  void happen_to(End& end, const Event& event);
  void mix(const Event& event, const Payload& payload);
  void accept(EndId dialer);
  void arrive(EndId id, std::string bytes);
  void hand_over(EndId id);
  void lose(EndId id);
  void round(EndId id);
  void transmit(End& end);
  void after(EndId id);
  void close(EndId id, bool with_reset);
  void send_fin(End& end);

  NetworkOptions options_;
  Random random_;
  BlockPool pool_;
  Events events_;
  std::shared_ptr<Loop> loop_;
  Host accepting_{*this};
  Host dialing_{*this};
  std::map<std::string, Factory> listeners_;
  std::map<EndId, std::string> dialed_;  // connection requests under way
  std::vector<std::unique_ptr<End>> ends_;
  std::vector<std::byte> received_;  // with padding
  Time now_{kSecond_ns};
  std::uint64_t hash_ = 0xcbf29ce484222325U;
  std::uint64_t happened_ = 0;
  std::size_t open_ = 0;
};

}  // namespace zyphos::sim
