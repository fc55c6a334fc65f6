#include "protocol/http1/table_reader.h"

#include "protocol/http1/known_fields.h"
#include "protocol/http1/skip.h"

namespace zyphos::http1 {
namespace {

Errc error_in(std::size_t state) {
  if (state >= static_cast<std::size_t>(HeadState::field_first)) return Errc::bad_header;
  return state >= static_cast<std::size_t>(HeadState::response_h) ? Errc::bad_status_line
                                                                  : Errc::bad_request_line;
}

std::string_view without_blanks(const char* from, const char* end) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (from < end && blank(*from)) ++from;
  while (from < end && blank(end[-1])) --end;
  return {from, end};
}

[[gnu::always_inline]] inline const char* pass(const char* at, const char* end, std::uint8_t run) {
  return run == kTextRun ? skip_field_text(at, end) : kHead.skip_run(at, end, run);
}

}  // namespace

void TableReader::start(HeadState from) {
  step_ = kHead.start(static_cast<std::size_t>(from));
  method_end_ = target_end_ = name_end_ = begin_;
  status_ = 0;
  open_line();
}

bool TableReader::walk() {
  Step step = step_;
  const char* at = at_;
  for (;;) {
    at = pass(at, end_, step.run);
    if (at >= end_) return stop_at(end_, step);
    const Step next = kHead.step(step.row, *at);
    switch (next.action) {
      case HeadDo::nothing: break;
      case HeadDo::name_end: name_end_ = at; break;
      case HeadDo::field_end:
        if (!field_end(at)) return false;
        break;
      case HeadDo::head_end: at_ = at + 1; return true;
      case HeadDo::wrong: return stop_at(at, step);
      default:
        if (!start_line(next.action, at)) return false;
    }
    step = next;
    ++at;
  }
}

bool TableReader::stop_at(const char* at, Step step) {
  at_ = at;
  step_ = step;
  return stop(error_in(kHead.state_of(step.row)));
}

[[gnu::always_inline]] inline bool TableReader::field_end(const char* lf) {
  const std::string_view name(line_, name_end_);
  const std::string_view value = without_blanks(name_end_ + 1, lf - 1);
  at_ = lf + 1;
  open_line();
  if (!fields_.add(name, value)) return fail(Errc::head_too_large, 431);
  const std::size_t known = kKnownNames.find(name);
  return known == kKnownCount || known_field(known, value);
}

bool TableReader::start_line(HeadDo action, const char* at) {
  switch (action) {
    case HeadDo::method_end: method_end_ = at; return true;
    case HeadDo::target_end: target_end_ = at; return true;
    case HeadDo::other_target_end: target_end_ = at; return other_target();
    case HeadDo::version_10: framing_.version_minor = 0; return true;
    case HeadDo::version_11: framing_.version_minor = 1; return true;
    case HeadDo::bad_version: return fail(Errc::bad_version, 505);
    case HeadDo::status_end: return status_code(at);
    default: break;
  }
  start_line_ = false;
  at_ = at + 1;
  open_line();
  return true;
}

bool TableReader::other_target() {
  return is_other_target(method(), target(), absolute_authority_) ||
         fail(Errc::bad_request_line, 400);
}

bool TableReader::status_code(const char* last) {
  unsigned code = 0;
  for (const char* at = last - 2; at <= last; ++at) {
    code = code * 10 + static_cast<unsigned>(*at - '0');
  }
  status_ = static_cast<std::uint16_t>(code);
  return code >= 100 || fail(Errc::bad_status_line, 400);
}

// --- between two readings ---

void TableReader::resume_walk(const HeadProgress& progress) {
  const HeadWalk& walk = progress.walk;
  resume(progress);
  step_ = {.row = walk.row, .run = walk.run, .action = HeadDo::nothing};
  start_line_ = progress.line == 0;
  open_line();
  at_ = begin_ + walk.at;
  method_end_ = begin_ + walk.method_end;
  target_end_ = begin_ + walk.target_end;
  name_end_ = begin_ + walk.name_end;
  if (walk.authority.size > 0) absolute_authority_ = walk.authority.of(begin_);
  resume_host(walk.host.of(begin_));
}

void TableReader::keep_walk(HeadProgress& to) const {
  const HeadProgress now = progress();
  to.line = now.line;
  to.fields = now.fields;
  to.seen = now.seen;
  to.framing = now.framing;
  HeadWalk& walk = to.walk;
  walk.bytes_visited += offset(at_) - walk.at;
  walk.at = offset(at_);
  walk.row = step_.row;
  walk.run = step_.run;
  walk.method_end = offset(method_end_);
  walk.target_end = offset(target_end_);
  walk.name_end = offset(name_end_);
  walk.authority = HeadPlace(begin_, absolute_authority_);
  walk.host = HeadPlace(begin_, host());
  for (std::size_t i = walk.fields.size(); i < now.fields; ++i) {
    const Header& field = fields_.view()[i];
    walk.fields.push_back({HeadPlace(begin_, field.name), HeadPlace(begin_, field.value)});
  }
}

void TableReader::complete_fields(const HeadProgress& progress) {
  for (std::size_t i = 0; i < progress.walk.fields.size(); ++i) {
    const auto& [name, value] = progress.walk.fields[i];
    fields_.put(i, name.of(begin_), value.of(begin_));
  }
}

bool is_other_target(std::string_view method, std::string_view target,
                     std::string_view& authority) {
  if (target == "*") return method == "OPTIONS";
  if (method == "CONNECT") {
    authority = target;
    return target.contains(':');
  }
  const auto scheme_end = target.find("://");
  if (scheme_end == target.npos || scheme_end == 0) return false;
  for (const char c : target.substr(0, scheme_end)) {
    if (!is(c, kTokenChar)) return false;
  }
  const auto rest = target.substr(scheme_end + 3);
  authority = rest.substr(0, rest.find_first_of("/?"));
  return !authority.empty();
}

}  // namespace zyphos::http1
