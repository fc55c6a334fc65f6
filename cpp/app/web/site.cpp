#include "app/web/site.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <utility>

#include "app/web/listing.h"

namespace zyphos::web {
namespace {

constexpr std::size_t kPage_bytes_max = 64 * 1024;

Way way_or_throw(const std::string& name) {
  const auto way = way_of(name);
  if (!way) throw std::invalid_argument("sending=" + name + ": best, sendfile, mmap or read");
  return *way;
}

std::unique_ptr<Log> log_or_none(const std::string& file) {
  return file.empty() ? nullptr : std::make_unique<Log>(file);
}

std::int64_t wall_s() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

bool is_head(const RequestHead& head) { return head.method == "HEAD"; }

struct Cause {
  int error;
  std::uint16_t status;
};

constexpr std::array<Cause, 10> kCauses{{{ENOENT, 404},
                                         {ENOTDIR, 404},
                                         {ENAMETOOLONG, 404},
                                         {EACCES, 403},
                                         {EPERM, 403},
                                         {EXDEV, 403},
                                         {ELOOP, 403},
                                         {EMFILE, 503},
                                         {ENFILE, 503},
                                         {ENOMEM, 503}}};

std::uint16_t status_of(int error) {
  const auto found = std::ranges::find(kCauses, error, &Cause::error);
  return found == kCauses.end() ? std::uint16_t{500} : found->status;
}

}  // namespace

Site::Site(const SiteOptions& options)
    : options_(options),
      way_(way_or_throw(options.sending)),
      root_(options.root),
      types_(options.types),
      files_(root_, options.open_files_max, options.open_files_ns),
      access_(log_or_none(options.access_log)),
      errors_(log_or_none(options.error_log)) {}

std::unique_ptr<Exchange> Site::begin(const RequestHead& head, const ExchangeContext& context) {
  const Asked asked(head.headers);
  Call call{.head = head,
            .context = context,
            .asked = asked,
            .telling = {.access = access_.get(),
                        .errors = errors_.get(),
                        .counters = &context.counters,
                        .line = nullptr}};
  if (access_ != nullptr) {
    call.telling.line = std::make_unique<AccessLine>(head, asked, context.caller);
  }
  return respond(call);
}

std::unique_ptr<Exchange> Site::respond(Call& call) {
  if (call.head.method != "GET" && !is_head(call.head)) {
    return error(call, 405, {.fields = {{"Allow", "GET, HEAD"}}});
  }
  const TargetState state = Target::read(call.head.target, options_.dotfiles, call.target);
  if (state != TargetState::good) return refuse(call, state);
  Opened opened = open(call, call.target.c_str());
  if (opened.folder_fd >= 0) return folder(call, opened.folder_fd);
  if (!opened.file) return fail(call, opened.error);
  // "name/" is no file.
  if (call.target.folder()) return fail(call, ENOTDIR);
  return file(call, std::move(opened.file));
}

// What the client would rather have of what lies there.
Opened Site::open(Call& call, const char* path) {
  const std::string_view type = types_.of(path);
  const Labels plain{.type = type, .encoding = {}, .varies = options_.precompressed};
  const Time now = call.context.now;
  if (!options_.precompressed) return files_.open(path, plain, now);
  const Preferences wanted = preferences(call.asked.accept_encoding);
  for (const Encoding* encoding : std::span(wanted.best).first(wanted.count)) {
    const std::string there = std::string(path) + std::string(encoding->suffix);
    const Labels labels{.type = type, .encoding = encoding->name, .varies = true};
    Opened opened = files_.open(there.c_str(), labels, now);
    if (opened.folder_fd >= 0) ::close(opened.folder_fd);
    if (opened.file) return opened;
  }
  return files_.open(path, plain, now);
}

// --- files ---

std::unique_ptr<Exchange> Site::file(Call& call, FileRef file) {
  const std::int64_t now_s = wall_s();
  const Validators validators = file->validators();
  const Verdict verdict = judge(call.asked, validators, now_s);
  if (verdict == Verdict::failed) return error(call, 412);
  const bool same = verdict == Verdict::not_modified;
  // RFC 9110, 14.2: of GET alone.
  if (!same && !is_head(call.head) && !call.asked.range.empty()) {
    const Ranges some = wanted(call.asked, validators, file->size(), now_s);
    if (some.state != Ranges::State::whole) return ranges(call, std::move(file), some);
  }
  const std::uint16_t status = same ? 304 : 200;
  auto exchange =
      std::make_unique<FileExchange>(std::move(file), status, way_, std::move(call.telling));
  if (same || is_head(call.head)) exchange->head_alone();
  return exchange;
}

std::unique_ptr<Exchange> Site::ranges(Call& call, FileRef file, const Ranges& wanted) {
  if (wanted.state == Ranges::State::none_there) {
    return error(call, 416,
                 {.fields = {{"Content-Range", "bytes */" + std::to_string(file->size())}}});
  }
  if (wanted.count == 1) {
    auto exchange =
        std::make_unique<FileExchange>(std::move(file), 206, way_, std::move(call.telling));
    exchange->part(wanted.pieces[0]);
    return exchange;
  }
  return std::make_unique<PartsExchange>(std::move(file), wanted, call.context.random.next(), way_,
                                         std::move(call.telling));
}

// --- folders ---

std::unique_ptr<Exchange> Site::folder(Call& call, int fd) {
  if (!call.target.folder()) {
    ::close(fd);
    return redirect(call);
  }
  std::string index(call.target.path());
  if (!index.empty()) index += '/';
  index += options_.index;
  Opened opened = options_.index.empty() ? Opened{.error = ENOENT} : open(call, index.c_str());
  if (opened.folder_fd >= 0) ::close(opened.folder_fd);
  if (opened.file || (opened.error != ENOENT && opened.folder_fd < 0)) {
    ::close(fd);
    return opened.file ? file(call, std::move(opened.file)) : fail(call, opened.error);
  }
  if (options_.listing) return list(call, fd);
  ::close(fd);
  return error(call, 403);
}

std::unique_ptr<Exchange> Site::list(Call& call, int fd) {
  const ListingAsk ask{.path = call.target.path(),
                       .query = call.target.query(),
                       .json = wants_json(call.asked.accept, call.target.query()),
                       .dotfiles = options_.dotfiles};
  return std::make_unique<ReplyExchange>(list_folder(root_, fd, ask), std::move(call.telling));
}

// To the path as it was understood, which begins with one slash: with two it would be another host.
std::unique_ptr<Exchange> Site::redirect(Call& call) {
  std::string to = "/" + escape_path(call.target.path()) + "/";
  if (!call.target.query().empty()) to += "?" + std::string(call.target.query());
  return std::make_unique<ReplyExchange>(Reply{.status = 301, .fields = {{"Location", to}}},
                                         std::move(call.telling));
}

// --- errors ---

std::unique_ptr<Exchange> Site::refuse(Call& call, TargetState state) {
  if (state == TargetState::hidden) return error(call, 404);
  if (state == TargetState::too_long) return error(call, 414);
  if (state == TargetState::escape) {
    call.telling.complain("a path that leads out of the root", call.head.target);
  }
  return error(call, 400);
}

std::unique_ptr<Exchange> Site::fail(Call& call, int number) {
  const std::uint16_t status = status_of(number);
  if (number == EXDEV || number == ELOOP) {
    call.telling.complain("a link that leads out of the root", call.head.target);
  } else if (status >= 500) {
    call.telling.complain(std::strerror(number), call.head.target);
  }
  return error(call, status);
}

std::unique_ptr<Exchange> Site::error(Call& call, std::uint16_t status, Reply reply) {
  reply.status = status;
  reply.body = own_page(status, call.context.now);
  if (reply.body.empty()) reply.body = error_page(status);
  reply.fields.emplace_back("Content-Type", "text/html; charset=utf-8");
  reply.fields.emplace_back("X-Content-Type-Options", "nosniff");
  return std::make_unique<ReplyExchange>(std::move(reply), std::move(call.telling));
}

// Empty: the site has none of its own.
std::string Site::own_page(std::uint16_t status, Time now) {
  if (options_.error_pages.empty()) return {};
  const std::string path = options_.error_pages + "/" + std::to_string(status) + ".html";
  const Opened opened = files_.open(path.c_str(), {.type = types_.of(path)}, now);
  if (opened.folder_fd >= 0) ::close(opened.folder_fd);
  if (!opened.file) return {};
  std::string page(std::min<std::uint64_t>(opened.file->size(), kPage_bytes_max), '\0');
  const ssize_t n = ::pread(opened.file->fd(), page.data(), page.size(), 0);
  page.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return page;
}

}  // namespace zyphos::web
