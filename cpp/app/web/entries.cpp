#include "app/web/entries.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "app/web/reply.h"
#include "app/web/target.h"
#include "base/json.h"

namespace zyphos::web {
namespace {

constexpr std::string_view kStyle = R"(<style>
:root{--ink:#1c2430;--soft:#5c6878;--line:#e3e8ee;--back:#fff;--over:#f3f7fb;--link:#0b5cad}
@media(prefers-color-scheme:dark){:root{--ink:#dfe5ec;--soft:#93a1b2;--line:#2a323c;
--back:#14181d;--over:#1c232b;--link:#7db7f2}}
*{box-sizing:border-box}
body{font:16px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--back);
max-width:60rem;margin:0 auto;padding:1.5rem 1.25rem 4rem}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
h1{font-size:1.35rem;font-weight:600;margin:0 0 1rem;overflow-wrap:anywhere}
h1 span{color:var(--soft);font-weight:400;padding:0 .3em}
form{display:flex;gap:.5rem;margin:0 0 1rem}
input,button{font:inherit;color:inherit;border:1px solid var(--line);border-radius:.45rem;
background:var(--back);padding:.4rem .7rem}
input{flex:1;min-width:0}button{background:var(--over);cursor:pointer}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th{text-align:left;font-size:.85rem;font-weight:600;color:var(--soft)}th a{color:inherit}
th,td{padding:.5rem .6rem;border-bottom:1px solid var(--line)}
tr:hover td{background:var(--over)}
td:first-child,th:first-child{width:100%;overflow-wrap:anywhere}
td:first-child{padding-left:2.25em;text-indent:-1.65em}
td:nth-child(n+2),th:nth-child(n+2){text-align:right;white-space:nowrap;color:var(--soft)}
svg{width:1.1em;height:1.1em;vertical-align:-.18em;margin-right:.55em;fill:none;
stroke:var(--soft);stroke-width:1.6}
.folder svg{stroke:var(--link)}
p{color:var(--soft);font-size:.9rem}
@media(max-width:34rem){body{padding:1rem .75rem 3rem}td:nth-child(3),th:nth-child(3){display:none}
th,td{padding:.6rem .35rem}}
</style>)";

constexpr std::string_view kFolderIcon =
    R"(<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M2 5h6l2 2h8v9H2z"/></svg>)";
constexpr std::string_view kFileIcon =
    R"(<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M5 2h7l4 4v12H5zM12 2v4h4"/></svg>)";

std::string time_text(std::int64_t unix_s) {
  using namespace std::chrono;
  const sys_seconds when{seconds{unix_s}};
  const auto day = floor<days>(when);
  const year_month_day date{day};
  const hh_mm_ss time{when - day};
  std::array<char, 48> text;
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u %02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()));
  return text.data();
}

// The folder's place: each part a link to where it leads.
std::string trail(std::string_view path) {
  std::string out = "<a href=\"/\">Home</a>";
  std::size_t end = 0;
  while (end < path.size()) {
    const std::size_t begin = end;
    end = std::min(path.find('/', begin), path.size());
    const std::string_view name = path.substr(begin, end - begin);
    out += "<span>/</span>";
    const std::string text = escape_html(name);
    const bool last = end == path.size();
    out += last ? text : "<a href=\"/" + escape_path(path.substr(0, end)) + "/\">" + text + "</a>";
    if (!last) ++end;
  }
  return out;
}

// The query of a column's heading: sorted by it, and the other way where it is already.
std::string heading(const Shown& shown, std::string_view sort, std::string_view text) {
  const std::string_view now = shown.sort.empty() ? "name" : std::string_view(shown.sort);
  const bool down = now == sort && !shown.down;
  std::string out = "<th><a href=\"?sort=" + std::string(sort) + (down ? "&amp;order=down" : "");
  if (!shown.part.empty()) out += "&amp;q=" + escape_path(shown.part);
  out += "\">" + std::string(text) + "</a>";
  if (now == sort) out += shown.down ? " &#9662;" : " &#9652;";
  return out + "</th>";
}

std::string row(const Entry& entry) {
  const std::string end = entry.folder ? "/" : "";
  std::string out = entry.folder ? "<tr class=\"folder\"><td>" : "<tr><td>";
  out += entry.folder ? kFolderIcon : kFileIcon;
  // "./", or a colon in the name would make it a scheme.
  out += "<a href=\"./" + escape_path(entry.name) + end + "\">" + escape_html(entry.name) + end;
  out += "</a></td><td>" + (entry.folder ? std::string() : size_text(entry.size));
  return out + "</td><td>" + time_text(entry.modified_s) + "</td></tr>\n";
}

// Bytes of the character that begins so; 0: none does.
std::size_t character_bytes(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Of bytes that are no UTF-8 none is left, as JSON has no place for them.
std::string as_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character_bytes(static_cast<unsigned char>(text.front()));
    const std::string_view whole = text.substr(0, size);
    if (size > 0 && whole.size() == size && std::ranges::all_of(whole.substr(1), continues)) {
      out += whole;
      text.remove_prefix(size);
    } else {
      out += '?';
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace

void sort_entries(Entries& entries, const Shown& shown) {
  const auto key = [&](const Entry& entry) -> std::int64_t {
    if (shown.sort == "size") return static_cast<std::int64_t>(entry.size);
    return shown.sort == "time" ? entry.modified_s : 0;
  };
  std::ranges::sort(entries.shown, [&](const Entry& a, const Entry& b) {
    if (a.folder != b.folder) return a.folder;
    const bool by_name = key(a) == key(b);
    if (by_name) return shown.down ? a.name > b.name : a.name < b.name;
    return shown.down ? key(a) > key(b) : key(a) < key(b);
  });
}

std::string page_of(const Entries& entries, const Shown& shown) {
  const std::string title = shown.path.empty() ? "Home" : escape_html(shown.path);
  std::string page =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<link rel=\"icon\" href=\"data:,\"><title>" +
      title + "</title>\n";
  page += kStyle;
  page += "</head><body>\n<h1>" + trail(shown.path) + "</h1>\n";
  page +=
      "<form method=\"get\"><input name=\"q\" type=\"search\" aria-label=\"Part of a name\" "
      "placeholder=\"Part of a name\" value=\"" +
      escape_html(shown.part) + "\"><button>Find</button></form>\n<table><thead><tr>";
  page += heading(shown, "name", "Name") + heading(shown, "size", "Size") +
          heading(shown, "time", "Changed (UTC)") + "</tr></thead><tbody>\n";
  if (!shown.path.empty()) {
    page += "<tr class=\"folder\"><td>" + std::string(kFolderIcon) +
            "<a href=\"../\">..</a></td><td></td><td></td></tr>\n";
  }
  for (const Entry& entry : entries.shown) page += row(entry);
  page += "</tbody></table>\n<p>" + std::to_string(entries.shown.size()) +
          (entries.shown.size() == 1 ? " entry" : " entries");
  if (entries.more) page += " shown; there are more";
  return page + "</p></body></html>\n";
}

std::string json_of(const Entries& entries, const Shown& shown) {
  JsonLine json;
  json.begin("", '{').text("path", "/" + as_utf8(shown.path)).begin("entries", '[');
  for (const Entry& entry : entries.shown) {
    json.begin("", '{').text("name", as_utf8(entry.name));
    json.text("type", entry.folder ? "folder" : "file").text("href", escape_path(entry.name));
    if (!entry.folder) json.number("size", entry.size);
    json.number("modified_s", entry.modified_s).end('}');
  }
  json.end(']').flag("more", entries.more).end('}');
  return json.line() + "\n";
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
  return text.data();
}

}  // namespace zyphos::web
