#include "app/web/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>

#include "app/web/entries.h"
#include "app/web/fields.h"
#include "app/web/target.h"

namespace zyphos::web {
namespace {

using Folder = std::unique_ptr<DIR, decltype([](DIR* folder) { ::closedir(folder); })>;

// Through a link only if it stays below the root.
std::optional<struct stat> facts_of(const Root& root, int folder_fd, const std::string& path,
                                    const char* name) {
  struct stat facts;
  if (::fstatat(folder_fd, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return {};
  if (!S_ISLNK(facts.st_mode)) return facts;
  const int fd = root.open((path.empty() ? name : path + "/" + name).c_str());
  if (fd < 0) return {};
  const bool known = ::fstat(fd, &facts) == 0;
  ::close(fd);
  return known ? std::optional(facts) : std::nullopt;
}

bool contains(std::string_view name, std::string_view part) {
  const auto same_letter = [](char a, char b) { return lower(a) == lower(b); };
  return std::search(name.begin(), name.end(), part.begin(), part.end(), same_letter) != name.end();
}

bool to_be_shown(std::string_view name, bool dotfiles) {
  return name != "." && name != ".." && (dotfiles || name.front() != '.');
}

bool to_be_served(const struct stat& facts) {
  return S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode);
}

Entries read_entries(const Root& root, DIR& folder, const ListingAsk& ask, std::string_view part) {
  Entries entries;
  const std::string path(ask.path);
  while (const dirent* each = ::readdir(&folder)) {
    const std::string_view name = each->d_name;
    if (!to_be_shown(name, ask.dotfiles) || !contains(name, part)) continue;
    if (entries.shown.size() == kEntries_max) {
      entries.more = true;
      break;
    }
    const auto facts = facts_of(root, ::dirfd(&folder), path, each->d_name);
    if (!facts || !to_be_served(*facts)) continue;
    entries.shown.push_back({.name = std::string(name),
                             .folder = S_ISDIR(facts->st_mode),
                             .size = static_cast<std::uint64_t>(facts->st_size),
                             .modified_s = facts->st_mtim.tv_sec});
  }
  return entries;
}

}  // namespace

bool wants_json(std::string_view accept, std::string_view query) {
  if (form_value(query, "format") == "json") return true;
  int json = 0;
  int page = 0;
  while (!accept.empty()) {
    const Weighted item = take_weighted(accept);
    if (same(item.name, "application/json")) json = item.weight;
    if (same(item.name, "text/html")) page = item.weight;
  }
  return json > page;
}

Reply list_folder(const Root& root, int folder_fd, const ListingAsk& ask) {
  const Folder folder(::fdopendir(folder_fd));
  if (!folder) {
    ::close(folder_fd);
    return {.status = 500, .body = error_page(500)};
  }
  const Shown shown{.path = ask.path,
                    .part = form_value(ask.query, "q"),
                    .sort = form_value(ask.query, "sort"),
                    .down = form_value(ask.query, "order") == "down"};
  Entries entries = read_entries(root, *folder, ask, shown.part);
  sort_entries(entries, shown);
  Reply reply;
  reply.fields = {{"Content-Type", ask.json ? "application/json" : "text/html; charset=utf-8"},
                  {"Vary", "Accept"},
                  {"Cache-Control", "no-cache"},
                  {"X-Content-Type-Options", "nosniff"}};
  if (!ask.json) {
    reply.fields.emplace_back("Content-Security-Policy",
                              "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                              "form-action 'self'; base-uri 'none'; frame-ancestors 'self'");
  }
  reply.body = ask.json ? json_of(entries, shown) : page_of(entries, shown);
  return reply;
}

}  // namespace zyphos::web
