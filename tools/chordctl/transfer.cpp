// SPDX-License-Identifier: MIT
// chordctl dump, load, put --batch.
#include "transfer.hpp"

#include <algorithm>
#include <deque>
#include <iostream>
#include <map>
#include <memory>

#include "base/base64.hpp"
#include "base/format.hpp"
#include "base/json_reader.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "verbs.hpp"

namespace coord::chordctl {

Result<Fetched> fetch(Client& client, const std::string& ring, const std::string& key,
                      const std::optional<ring::Dot>& version, ring::Consistency level,
                      const std::vector<ring::Dot>& at_least, const ring::Copies& copies) {
  Fetched fetched;
  std::optional<ring::Dot> wanted = version;
  for (std::string value;;) {
    auto answer = client.ask(ring::Get{ring, key, wanted, value.size(), {}, level, {at_least, {}}, copies});
    if (!answer) return answer.error();
    if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused(*refusal, key);
    if (std::holds_alternative<ring::Absent>(*answer)) {
      if (value.empty()) return fetched;
      // It was replaced while it was read: from the beginning.
      value.clear();
      wanted = version;
      continue;
    }
    auto& found = std::get<ring::Found>(*answer);
    fetched.seen = std::move(found.seen);
    fetched.after = std::move(found.after);
    fetched.siblings = found.versions;
    if (found.versions.empty()) return fetched;
    if (!wanted && found.versions.size() > 1) return fetched;
    if (!wanted) wanted = found.versions.front().dot;
    const auto own = std::ranges::find(found.versions, *wanted, &ring::Version::dot);
    if (own == found.versions.end() || (found.chunk.empty() && value.size() < own->size))
      return Error{ErrorKind::unavailable, cli::shown(key), "the peer has sent less than the value",
                   "try again"};
    value.append(found.chunk.begin(), found.chunk.end());
    if (value.size() < own->size) continue;
    if (version) fetched.siblings = {*own};
    fetched.value = std::move(value);
    return fetched;
  }
}

Status each_key(Client& client, const std::string& ring, const std::string& prefix,
                const std::function<Status(const ring::Row&)>& row, Listed listed) {
  for (std::string after;;) {
    auto answer = client.ask(ring::List{ring, prefix, after, listed.local});
    if (!answer) return answer.error();
    if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused(*refusal, prefix);
    const auto* page = std::get_if<ring::Page>(&*answer);
    if (page == nullptr) return Error{ErrorKind::unavailable, "peer", "it answers something else", ""};
    if (listed.unreachable != nullptr)
      listed.unreachable->insert(page->unreachable.begin(), page->unreachable.end());
    if (listed.unreachable == nullptr && !page->unreachable.empty())
      return Error{ErrorKind::unavailable, "keys",
                   fmt::format("too few of {} answer", page->unreachable.front()),
                   "start the hosts that are away"};
    for (const ring::Row& each : page->rows) {
      if (Status went = row(each); !went) return went;
    }
    if (!page->more || page->last <= after) return done();
    after = page->last;
  }
}

namespace {

constexpr std::size_t window = 256;                          // writes that are not answered yet
constexpr std::size_t window_bytes = std::size_t{4} << 20U;  // of their values
constexpr std::size_t line_limit = std::size_t{24} << 20U;

struct TransferSettings {
  const Common& common;
  Patience patience;
  std::vector<std::string> prefixes;

  std::string prefix() const { return prefixes.empty() ? "" : prefixes.front(); }
};

std::string dumped(const std::string& key, const ring::Version& version, const std::string& value) {
  return cli::JsonObject()
      .text("key", key)
      .text("key_b64", base64(key))
      .text("value_b64", base64(value))
      .text("version", text(version.dot))
      .time("time", version.time)
      .line();
}

// All versions of a key as they are at one time: what was replaced while it was read is read anew.
Status dump_one(Client& client, const std::string& ring, const ring::Row& row) {
  for (std::vector<ring::Version> versions = row.versions;;) {
    std::string lines;
    bool all = true;
    for (const ring::Version& version : versions) {
      auto fetched = fetch(client, ring, row.key, version.dot);
      if (!fetched) return fetched.error();
      all = all && fetched->value;
      if (all) lines += dumped(row.key, version, *fetched->value);
    }
    if (all) {
      cli::print(lines);
      return done();
    }
    auto answer = client.ask(ring::Get{ring, row.key, {}, 0});
    if (!answer) return answer.error();
    const auto* found = std::get_if<ring::Found>(&*answer);
    if (found == nullptr) return done();  // removed
    versions = found->versions;
  }
}

Result<cli::Exit> dump(const TransferSettings& s) {
  auto keys = Client::open(s.common, s.patience);
  if (!keys) return keys.error();
  auto values = Client::open(s.common, s.patience);
  if (!values) return values.error();
  const Status all = each_key(*keys, s.common.ring, s.prefix(),
                              [&](const ring::Row& row) { return dump_one(*values, s.common.ring, row); });
  if (!all) return all.error();
  return cli::Exit::done;
}

struct Line {
  std::string key, value;
};

Result<Line> read_line(const std::string& text, std::size_t number) {
  Line line;
  std::optional<std::string> key, key_b64, value, value_b64;
  const auto into = [](JsonReader& in, std::optional<std::string>& target) {
    return in.string(target.emplace());
  };
  JsonReader in(text);
  const bool read = in.object([&](const std::string& name) {
    return name == "key"         ? into(in, key)
           : name == "key_b64"   ? into(in, key_b64)
           : name == "value"     ? into(in, value)
           : name == "value_b64" ? into(in, value_b64)
                                 : in.skip();
  });
  const auto wrong = [number](const std::string& what) {
    return Error{ErrorKind::data, fmt::format("standard input:{}", number), what,
                 "give objects with key or key_b64, and value or value_b64"};
  };
  if (!read || !in.end()) return wrong(in.fault());
  if (key_b64) key = from_base64(*key_b64);
  if (value_b64) value = from_base64(*value_b64);
  if (!key || !value) return wrong("it lacks a key or a value, or it is no base64");
  if (Status right = check_key(*key); !right) return wrong(fmt::format("the key {}", right.error().what));
  if (key->find('\0') != std::string::npos) return wrong("the key has a NUL in it");
  if (value->size() > ring::largest_value) return wrong("the value is larger than 8 MiB");
  return Line{std::move(*key), std::move(*value)};
}

// Writes that are on their way.
class Window {
 public:
  explicit Window(Client& client) : client_(client) {}

  Result<cli::Exit> write(const std::string& ring, const Line& line, bool is_sibling) {
    while (!open_.empty() && (open_.size() >= window || bytes_ + line.value.size() > window_bytes)) {
      auto one = take_answer();
      if (!one || *one != cli::Exit::done) return one;
    }
    std::optional<std::vector<ring::Dot>> replaces;
    if (is_sibling) replaces.emplace();
    const auto sent = client_.send(ring::Put{ring, line.key, 0, {}, std::move(replaces)}, line.value);
    if (!sent) return may_be_stored(sent.error(), line.key);
    open_.emplace(*sent, std::pair{line.key, line.value.size()});
    bytes_ += line.value.size();
    return cli::Exit::done;
  }
  Result<cli::Exit> finish() {
    while (!open_.empty()) {
      auto one = take_answer();
      if (!one || *one != cli::Exit::done) return one;
    }
    return cli::Exit::done;
  }

 private:
  Result<cli::Exit> take_answer() {
    auto answered = client_.receive();
    if (!answered) return may_be_stored(answered.error(), open_.begin()->second.first);
    const auto found = open_.find(answered->request);
    if (found == open_.end()) return cli::Exit::done;
    const auto [key, bytes] = found->second;
    open_.erase(found);
    bytes_ -= bytes;
    if (const auto* too_few = std::get_if<ring::NoQuorum>(&answered->answer))
      return Error{ErrorKind::unavailable, cli::shown(key), fmt::format("not stored: {}", too_few->text),
                   "try again"};
    if (const auto* partly = std::get_if<ring::Partly>(&answered->answer))
      return may_be_stored(Error{ErrorKind::unknown, "", text(*partly), ""}, key);
    const auto* refusal = std::get_if<ring::Refused>(&answered->answer);
    if (refusal == nullptr) return cli::Exit::done;
    cli::complain("chordctl", refused(*refusal, key));
    return status_of(*refusal);
  }

  Client& client_;
  std::map<std::uint64_t, std::pair<std::string, std::size_t>> open_;
  std::size_t bytes_ = 0;
};

}  // namespace

Result<cli::Exit> load(const Common& common, const Patience& patience) {
  auto client = Client::open(common, patience);
  if (!client) return client.error();
  Window open(*client);
  std::string text;
  std::optional<std::string> last_key;
  for (std::size_t number = 1; std::getline(std::cin, text); ++number) {
    if (text.empty()) continue;
    if (text.size() > line_limit)
      return Error{ErrorKind::data, fmt::format("standard input:{}", number), "is too long",
                   "see chordctl(1)"};
    auto line = read_line(text, number);
    if (!line) return line.error();
    // Siblings stand behind each other in a dump.
    auto one = open.write(common.ring, *line, last_key == line->key);
    if (!one || *one != cli::Exit::done) return one;
    last_key = line->key;
  }
  return open.finish();
}

void add_dump(cli::Options& tool, const Common& common) {
  const auto s = std::make_shared<TransferSettings>(TransferSettings{common, {}, {}});
  auto& made = tool.verb("dump", "print all values, as JSON lines");
  made.synopsis("[PREFIX]");
  made.operands("PREFIX", s->prefixes, 0, 1, "only keys that begin so");
  add_patience(made, s->patience);
  made.example("chordctl dump > ring.jsonl", "");
  made.does([s] { return dump(*s); });
}

void add_load(cli::Options& tool, const Common& common) {
  const auto s = std::make_shared<TransferSettings>(TransferSettings{common, {}, {}});
  auto& made = tool.verb("load", "store the output of `dump`, from standard input");
  made.synopsis("");
  add_patience(made, s->patience);
  made.example("chordctl --ring copy load < ring.jsonl", "");
  made.does([s] { return load(s->common, s->patience); });
}

}  // namespace coord::chordctl
