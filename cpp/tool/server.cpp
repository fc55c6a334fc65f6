#include "tool/server.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include "app/handlers.h"

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

std::chrono::sys_seconds set_now(HttpDate& date) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  date.set(now.time_since_epoch().count());
  return now;
}

// Sets the date at every full second until it is asked to stop.
void keep_date(HttpDate& date, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const auto next = set_now(date) + std::chrono::seconds{1};
    never.wait_until(lock, stop, next, [] { return false; });
  }
}

EngineOptions engine_options(const ServeSetting& setting) {
  EngineOptions options = setting.options;
  const auto listen = Address::parse(setting.address, setting.port);
  if (!listen) throw std::invalid_argument("address: " + listen.error());
  options.listen = *listen;
  // A whole message must fit before it is answered.
  options.limits.inbox_bytes = std::max(options.limits.inbox_bytes, 2 * setting.message_bytes);
  options.application_wakes = setting.protocol == "http1" && app::handler_wakes(setting.app);
  return options;
}

}  // namespace

Words serve_words(ServeSetting& setting) {
  EngineOptions& options = setting.options;
  Words words;
  words.choice("engine", "thread, epoll, uring", setting.engine, engine_names());
  words.choice("protocol", "http1, echo", setting.protocol, {"http1", "echo"});
  words.choice("app", "http1: hello, echo, ...", setting.app, app_names());
  words.text("address", "to listen on (IPv4 or IPv6)", setting.address);
  words.number("port", "to listen on; 0: a free one", setting.port, std::uint16_t{0});
  words.number("threads", "loops; a thread per connection ignores it", options.threads, 1U);
  words.list("cpus", "loop i runs on the i-th of these", options.cpus);
  words.number("message_bytes", "echo: size of a message", setting.message_bytes, std::size_t{1});
  words.number("response_bytes", "size of an answer (echo: as the message; hello: 13)",
               setting.response_bytes, std::size_t{0});
  words.number("delay_ns", "app=delay: from request to answer", setting.delay_ns, std::int64_t{0});
  words.number("backlog", "of the listening socket", options.backlog, 1);
  words.number("connections_max", "beyond: accepting pauses", options.connections_max,
               std::size_t{1});
  words.number("idle_timeout_ns", "of a connection without progress", setting.idle_timeout_ns,
               std::int64_t{1});
  words.number("drain_timeout_ns", "at the end, for what is under way", options.drain_timeout_ns,
               std::int64_t{0});
  words.number("seed", "of whatever is random", options.seed, std::uint64_t{0});
  words.number("board_fd", "descriptor of a shared board", setting.board_fd, 0);
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  words.socket(options.socket);
  return words;
}

Server::Server(const ServeSetting& setting) : setting_(setting), board_(setting.board_fd) {
  http_.idle_timeout_ns = setting.idle_timeout_ns;
  if (setting.protocol == "http1") {
    http_.date = &date_;
    set_now(date_);
    clock_ = std::jthread([this](const std::stop_token& stop) { keep_date(date_, stop); });
  }
  echo_ = {.message_bytes = setting.message_bytes,
           .response_bytes = setting.response_bytes.value_or(0),
           .idle_timeout_ns = setting.idle_timeout_ns};
  engine_ = make_engine(setting.engine, engine_options(setting), factory(), board_.board());
  engine_->start();
}

ConnectionFactory Server::factory() {
  if (setting_.protocol == "echo") {
    return [this] { return std::make_unique<echo::EchoServer>(echo_); };
  }
  app::Options options;
  options.response_bytes = setting_.response_bytes.value_or(options.response_bytes);
  options.delay_ns = setting_.delay_ns;
  handler_ = app::make_handler(setting_.app, options);
  return [this] { return std::make_unique<http1::Http1Server>(*handler_, http_); };
}

Server::~Server() { stop(); }

void Server::stop() {
  if (std::exchange(stopped_, true)) return;
  engine_->drain();
  engine_->join();
}

}  // namespace zyphos
