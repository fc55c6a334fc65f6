// Server: one of our engines with one of our protocols, as zyphos-serve and _core.serve run it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/bells.h"
#include "app/web/site.h"
#include "engine/engine.h"
#include "net/fd.h"
#include "protocol/echo/server.h"
#include "protocol/handler.h"
#include "protocol/http1/server.h"
#include "tool/listen_words.h"
#include "tool/mapped_board.h"
#include "tool/shared_date.h"
#include "tool/words.h"

namespace zyphos {

struct ServeSetting {
  std::string engine = "epoll";
  std::string protocol = "http1";
  std::string app = "hello";
  ListenSetting listen;
  EngineOptions options;             // what `listen` says, and the limits, follow from the others
  std::uint32_t message_bytes = 64;  // echo
  std::optional<std::uint32_t> response_bytes;  // echo: as message_bytes; hello: 13
  std::int64_t delay_ns = kMillisecond_ns;      // app=delay
  std::optional<app::Clockwork> timers;         // app=delay
  std::string counter = "mutex";                // app=counter
  std::size_t counter_steps = 0;                // app=counter
  std::string parser = "best";                  // http1
  std::string strictness = "strict";            // http1: or lenient
  bool known_heads = false;                     // http1
  std::string scan = "best";                    // http1, parser=simd: its kernel
  std::string locking = "given";                // app=transfer
  std::int64_t hold_ns = 0;                     // app=transfer
  std::size_t nest_bytes = 0;                   // app=nest
  web::SiteOptions site;                        // with a root, in place of an app
  std::int64_t idle_timeout_ns = 60 * kSecond_ns;
  std::optional<std::int64_t> header_timeout_ns;  // http1: 10 s
  std::optional<std::int64_t> body_timeout_ns;    // http1: none
  std::string when_full = "pause";
  std::string taskrun = "defer";  // engine uring
  std::string leak_what = "descriptor";
  std::string when_busy = "wait";
  std::string queue_order = "fifo";
  std::optional<std::uint64_t> descriptors_max;  // of the process: for its main() to set
  std::optional<std::uint64_t> threads_max;      // likewise, once it serves
  int board_fd = -1;
  bool parent_death = false;
};

// The table refers to `setting`, which must outlive it.
Words serve_words(ServeSetting& setting);

// Thread safety: one owner; snapshot() from any thread.
class Server {
 public:
  // Listens and serves. std::system_error ("cannot listen on 127.0.0.1:80: ..."),
  // std::runtime_error with the reason when this machine cannot run the engine,
  // std::invalid_argument for what is no address or contradicts its family.
  explicit Server(const ServeSetting& setting);
  // Drains.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Address address() const { return engine_->address(); }
  BoardSnapshot snapshot() { return board_.board().snapshot(); }
  // Replaces the workers by new ones; false where the engine has none.
  bool reload() { return engine_->reload(); }
  // As Engine::ended_fd().
  int ended_fd() const { return engine_->ended_fd(); }
  // Finishes what is under way, within the drain timeout; returns when all threads have ended. Safe
  // to repeat.
  void stop();

 private:
  ConnectionFactory factory();
  ConnectionFactory http_factory();
  std::unique_ptr<Handler> make_handler() const;
  void start_clock();

  ServeSetting setting_;
  MappedBoard board_;
  std::unique_ptr<Handler> handler_;
  http1::ServerOptions http_;
  echo::ServerOptions echo_;
  std::unique_ptr<Engine> engine_;
  SharedDate date_;
  Fd clock_stop_;       // an eventfd
  std::jthread clock_;  // keeps date_ right
  bool stopped_ = false;
};

}  // namespace zyphos
