#include "tool/server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <utility>

#include "app/handlers.h"
#include "app/tally.h"
#include "app/transfer.h"
#include "scan/kernel.h"
#include "tool/named_words.h"
#include "tool/prefork_words.h"
#include "tool/readiness_words.h"
#include "tool/site_words.h"
#include "tool/uring_words.h"

namespace zyphos {
namespace {

std::vector<std::string> engine_names() {
  std::vector<std::string> names;
  for (const EngineAbility& ability : engine_abilities()) names.push_back(ability.name);
  return names;
}

std::vector<std::string> app_names() {
  std::vector<std::string> names;
  for (const std::string_view name : app::handler_names()) names.emplace_back(name);
  return names;
}

std::vector<std::string> counter_names() {
  std::vector<std::string> names;
  for (const std::string_view name : app::tally_names()) names.emplace_back(name);
  return names;
}

std::vector<std::string> locking_names() {
  std::vector<std::string> names;
  for (const std::string_view name : app::locking_names()) names.emplace_back(name);
  return names;
}

const Names<app::Clockwork> kClockworks{{"wheel", app::Clockwork::wheel},
                                        {"rounds", app::Clockwork::rounds},
                                        {"forgotten", app::Clockwork::forgotten}};

WhenFull when_full(std::string_view name) {
  if (name == "refuse") return WhenFull::refuse;
  return name == "spin" ? WhenFull::spin : WhenFull::pause;
}

std::chrono::sys_seconds set_now(HttpDate& date) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  date.set(now.time_since_epoch().count());
  return now;
}

WhenBusy when_busy(std::string_view name) {
  if (name == "reject_newest") return WhenBusy::reject_newest;
  if (name == "drop_oldest") return WhenBusy::drop_oldest;
  return name == "caller_runs" ? WhenBusy::caller_runs : WhenBusy::wait;
}

constexpr std::string_view kHttpRefusal =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";

// Sets the date at every full second until `stop` can be read. It waits on no futex: that of a
// thread with nothing to do would be most of what the probe `futex` sees of a server.
void keep_date(HttpDate& date, int stop) {
  pollfd waiting{.fd = stop, .events = POLLIN, .revents = 0};
  while (waiting.revents == 0) {
    const auto left = set_now(date) + std::chrono::seconds{1} - std::chrono::system_clock::now();
    const auto left_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    const timespec pause{.tv_sec = 0, .tv_nsec = std::clamp<long>(left_ns, 0, 999'999'999)};
    ::ppoll(&waiting, 1, &pause, nullptr);
  }
}

EngineOptions engine_options(const ServeSetting& setting) {
  EngineOptions options = setting.options;
  const auto place = place_of(setting.listen);
  if (!place) throw std::invalid_argument(place.error());
  options.listen = place->address;
  options.ipv6_only = place->ipv6_only;
  options.device = setting.listen.device;
  // A whole message must fit before it is answered.
  options.limits.inbox_bytes =
      std::max(options.limits.inbox_bytes, std::size_t{2} * setting.message_bytes);
  options.when_full = when_full(setting.when_full);
  options.blocking_threads.when_busy = when_busy(setting.when_busy);
  options.blocking_threads.queue_order =
      setting.queue_order == "lifo" ? QueueOrder::lifo : QueueOrder::fifo;
  if (setting.protocol == "http1") options.blocking_threads.refusal = kHttpRefusal;
  options.uring.taskrun = taskrun_of(setting.taskrun);
  options.leak.what = setting.leak_what == "memory" ? Leaked::memory : Leaked::descriptor;
  options.application_wakes =
      setting.protocol == "http1" && setting.site.root.empty() && app::handler_wakes(setting.app);
  return options;
}

http1::Parser parser_of(const ServeSetting& setting) {
  if (setting.parser == "descent") return http1::kDescent;
  if (setting.parser == "table") return http1::kTable;
  if (setting.parser == "best" && setting.scan == "best") return http1::best_parser();
  if (setting.scan == "best") return &scan::best_kernel();
  const scan::Kernel* kernel = scan::find_kernel(setting.scan);
  if (const std::string lack = kernel->lack(); !lack.empty()) {
    throw std::runtime_error("scan=" + setting.scan + ": " + lack);
  }
  return kernel;
}

void add_parser(Words& words, ServeSetting& setting) {
  std::vector<std::string> kernels{"best"};
  for (const scan::Kernel& kernel : scan::kernels()) kernels.emplace_back(kernel.name);
  words.choice("parser", "http1: best, descent, table, simd", setting.parser,
               {"best", "descent", "table", "simd"});
  words.choice("strictness", "http1: strict, or lenient as common servers are (docs/strictness.md)",
               setting.strictness, {"strict", "lenient"});
  words.flag("known_heads",
             "http1: a pipelined head of the same bytes as the one before is compared",
             setting.known_heads);
  words.choice("scan", "parser=simd: its kernel, best or by name", setting.scan, kernels);
}

// When a connection ends, what happens where there is no room for one, and what is forgotten of it.
void add_ends(Words& words, ServeSetting& setting) {
  EngineOptions& options = setting.options;
  words.number("connections_max", "beyond: accepting pauses", options.connections_max,
               std::size_t{1});
  words.number("descriptors_max", "of the process (RLIMIT_NOFILE)", setting.descriptors_max,
               std::uint64_t{16});
  words.number("threads_max", "of the process, which becomes another user's for it (root)",
               setting.threads_max, std::uint64_t{4});
  words.choice("when_full", "no descriptor left to accept with: pause, refuse, spin",
               setting.when_full, {"pause", "refuse", "spin"});
  words.flag("lingering_close", "after its FIN a connection reads on until its peer's",
             options.limits.lingers);
  words.number("idle_timeout_ns", "of a connection without progress", setting.idle_timeout_ns,
               std::int64_t{1});
  words.number("header_timeout_ns", "http1: from a head's first byte to its last",
               setting.header_timeout_ns, std::int64_t{1});
  words.number("body_timeout_ns", "http1: from a head's end to its body's last byte",
               setting.body_timeout_ns, std::int64_t{1});
  words.number("drain_timeout_ns", "at the end, for what is under way", options.drain_timeout_ns,
               std::int64_t{0});
  words.number("leak.every", "for hunts: it forgets something of one connection in so many",
               options.leak.every, std::uint64_t{1});
  words.choice("leak.what", "descriptor, memory", setting.leak_what, {"descriptor", "memory"});
}

// What the small applications are told (app/handlers.h).
void add_app(Words& words, ServeSetting& setting) {
  words.choice("app", "http1: hello, echo, ...", setting.app, app_names());
  words.number("delay_ns", "app=delay: from request to answer", setting.delay_ns, std::int64_t{0});
  choose(words, "timers",
         "app=delay: wheel, rounds or forgotten: answers when it says so; else looks itself",
         kClockworks, setting.timers);
  words.choice("counter", "app=counter: how the threads count together", setting.counter,
               counter_names());
  words.number("counter_steps", "app=counter: work before each addition", setting.counter_steps,
               std::size_t{0});
  words.choice("locking", "app=transfer: given, ranked, retry", setting.locking, locking_names());
  words.number("hold_ns", "app=transfer: from the first lock to the second", setting.hold_ns,
               std::int64_t{0});
  words.number("nest_bytes", "app=nest: of stack that a request for /deep takes",
               setting.nest_bytes, std::size_t{0});
}

// Of the engines whose threads block.
void add_blocking(Words& words, ServeSetting& setting) {
  BlockingOptions& options = setting.options.blocking_threads;
  words.flag("blocking", "engines thread, pool, sequential: they wait in recv, else in poll",
             setting.options.blocking);
  words.number("stack_bytes", "of each thread of engines thread and pool", options.stack_bytes,
               std::size_t{32 * 1024});
  words.number("silence_timeout_ns",
               "engines pool, sequential: a connection on which nothing moves is reset; 0: never",
               options.silence_timeout_ns, std::int64_t{0});
  words.number("queue_max", "engine pool: accepted connections that may wait; 0: any number",
               options.queue_max, std::size_t{0});
  words.choice("queue_order", "engine pool: fifo, lifo", setting.queue_order, {"fifo", "lifo"});
  words.choice("when_busy",
               "engine pool, its queue full: wait, reject_newest, drop_oldest, caller_runs",
               setting.when_busy, {"wait", "reject_newest", "drop_oldest", "caller_runs"});
}

// What would be wrong with a site is said before there are workers that cannot say it.
void check_site(const ServeSetting& setting) {
  if (setting.site.root.empty()) return;
  if (setting.protocol != "http1") throw std::invalid_argument("root: belongs to protocol=http1");
  const std::string lack = site_lack(setting.site, setting.engine);
  if (!lack.empty()) throw std::invalid_argument(lack);
  if (setting.engine == "prefork") static_cast<void>(web::Site(setting.site));
}

}  // namespace

Words serve_words(ServeSetting& setting) {
  EngineOptions& options = setting.options;
  Words words;
  words.choice("engine", "sequential, thread, pool, select, poll, epoll, coroutine, uring, prefork",
               setting.engine, engine_names());
  words.choice("protocol", "http1, echo", setting.protocol, {"http1", "echo"});
  add_listening(words, setting.listen);
  words.number("threads", "loops, or threads of a pool", options.threads, 1U);
  words.list("cpus", "loop i runs on the i-th of these", options.cpus);
  words.number("message_bytes", "echo: size of a message", setting.message_bytes, std::uint32_t{1});
  words.number("response_bytes", "size of an answer (echo: as the message; hello: 13)",
               setting.response_bytes, std::uint32_t{0});
  add_app(words, setting);
  add_site(words, setting.site);
  add_parser(words, setting);
  words.number("backlog", "of the listening socket", options.backlog, 1);
  words.flag("port_shared", "other processes may listen on the port too (SO_REUSEPORT)",
             options.port_shared);
  add_blocking(words, setting);
  add_readiness(words, options.readiness);
  add_prefork(words, options.prefork);
  add_ends(words, setting);
  add_uring(words, options.uring, setting.taskrun);
  words.number("seed", "of whatever is random", options.seed, std::uint64_t{0});
  words.number("board_fd", "descriptor of a shared board", setting.board_fd, 0);
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  words.socket(options.socket, SocketRole::listening);
  return words;
}

Server::Server(const ServeSetting& setting) : setting_(setting), board_(setting.board_fd) {
  check_site(setting);
  http_.idle_timeout_ns = setting.idle_timeout_ns;
  http_.header_timeout_ns = setting.header_timeout_ns.value_or(http_.header_timeout_ns);
  http_.body_timeout_ns = setting.body_timeout_ns;
  http_.parser = parser_of(setting);
  http_.lenient = setting.strictness == "lenient";
  http_.known_heads = setting.known_heads;
  if (setting.protocol == "http1") {
    http_.date = &date_.get();
    set_now(date_.get());
  }
  echo_ = {.message_bytes = setting.message_bytes,
           .response_bytes = setting.response_bytes.value_or(0),
           .idle_timeout_ns = setting.idle_timeout_ns};
  engine_ = make_engine(setting.engine, engine_options(setting), factory(), board_.board());
  // Before there is a thread: engine prefork forks.
  engine_->start();
  if (setting.protocol == "http1") start_clock();
}

void Server::start_clock() {
  clock_stop_ = Fd(eventfd(0, EFD_CLOEXEC));
  if (!clock_stop_) throw std::system_error(errno, std::generic_category(), "eventfd");
  clock_ = std::jthread([this](const std::stop_token& stop) {
    const std::stop_callback end(stop, [this] { eventfd_write(clock_stop_.get(), 1); });
    keep_date(date_.get(), clock_stop_.get());
  });
  pthread_setname_np(clock_.native_handle(), "zy-date");
}

ConnectionFactory Server::factory() {
  if (setting_.protocol == "echo") {
    return [this] { return std::make_unique<echo::EchoServer>(echo_); };
  }
  return http_factory();
}

// Handlers may have threads, which do not exist in a process that is forked: where there are
// workers, each makes its own, with its first connection.
ConnectionFactory Server::http_factory() {
  if (setting_.engine != "prefork") {
    handler_ = make_handler();
    return [this] { return std::make_unique<http1::Http1Server>(*handler_, http_); };
  }
  return [this, handler = std::shared_ptr<Handler>()]() mutable {
    if (handler == nullptr) handler = make_handler();
    return std::make_unique<http1::Http1Server>(*handler, http_);
  };
}

std::unique_ptr<Handler> Server::make_handler() const {
  if (!setting_.site.root.empty()) return std::make_unique<web::Site>(setting_.site);
  app::Options options;
  options.response_bytes = setting_.response_bytes.value_or(options.response_bytes);
  options.delay_ns = setting_.delay_ns;
  options.timers = setting_.timers;
  options.counter = setting_.counter;
  options.counter_steps = setting_.counter_steps;
  options.locking = setting_.locking;
  options.hold_ns = setting_.hold_ns;
  options.nest_bytes = setting_.nest_bytes;
  return app::make_handler(setting_.app, options);
}

Server::~Server() { stop(); }

void Server::stop() {
  if (std::exchange(stopped_, true)) return;
  engine_->drain();
  engine_->join();
}

}  // namespace zyphos
