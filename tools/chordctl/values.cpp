// SPDX-License-Identifier: MIT
// chordctl put, get, rm: one value.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "base/utf8.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "known.hpp"
#include "session_file.hpp"
#include "transfer.hpp"
#include "verbs.hpp"

namespace coord::chordctl {
namespace {

struct ValuesSettings {
  const Common& common;
  Patience patience;
  std::vector<std::string> operands;
  std::optional<std::string> replaces, version;
  bool batch = false, all = false, json = false;
  ring::Consistency level = ring::Consistency::quorum;
  std::string session;
  std::uint32_t copies = 0;
  bool weak = false;
  std::string if_version{};
  bool if_absent = false;

  ring::Copies wanted() const { return {copies, weak}; }
  const std::string& key() const { return operands.front(); }
};

Status check_unconditional(const ValuesSettings& s) {
  if (s.if_version.empty() && !s.if_absent) return done();
  return Error{ErrorKind::usage, s.if_absent ? "--if-absent" : "--if-version",
               "a ring has no conditional writes: its copies need not agree at each moment",
               "use `dkv put` or `dkv rm`, or --resolve to keep both of two writes"};
}

// All of standard input, to 8 MiB.
Result<std::string> read_value() {
  std::string value;
  std::string chunk(std::size_t{64} << 10U, '\0');
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{ErrorKind::data, "standard input", std::strerror(errno), "give a value"};
    if (got == 0) return value;
    value.append(chunk, 0, static_cast<std::size_t>(got));
    if (value.size() > ring::largest_value)
      return Error{ErrorKind::data, "standard input", "is larger than 8 MiB", "store it in pieces"};
  }
}

Result<std::optional<std::vector<ring::Dot>>> replaced(const ValuesSettings& s) {
  if (!s.replaces) return std::optional<std::vector<ring::Dot>>();
  auto dots = read_versions(*s.replaces);
  if (!dots) return dots.error();
  return std::optional(std::move(*dots));
}

// At the level causal there is a session, and at no other one.
Result<std::optional<SessionFile>> session_of(const ValuesSettings& s) {
  const bool is_causal = s.level == ring::Consistency::causal;
  if (s.copies != 0 && s.level != ring::Consistency::quorum)
    return Error{ErrorKind::usage, "--copies", "is for --level quorum", "leave one of them out"};
  if (!is_causal && !s.session.empty())
    return Error{ErrorKind::usage, "--session", "is for --level causal", "leave it out"};
  if (!is_causal) return std::optional<SessionFile>();
  if (s.session.empty())
    return Error{ErrorKind::usage, "--level causal", "has no session", "give --session FILE"};
  auto file = SessionFile::open(s.session, s.common.ring);
  if (!file) return file.error();
  return std::optional(std::move(*file));
}

// Of a write: what it follows.
Result<ring::Past> past_of(const ValuesSettings& s, std::optional<SessionFile>& file, Client& client) {
  return file ? file->before_write(client, s.key()) : Result<ring::Past>(ring::Past());
}

void name_siblings(const std::string& key, const std::vector<ring::Version>& siblings) {
  std::string names;
  for (const ring::Version& version : siblings) names += fmt::format(" {}", text(version.dot));
  cli::notice("chordctl", fmt::format("{}: siblings:{}", cli::shown(key), names));
}

cli::Exit no_such_key(const ValuesSettings& s) {
  cli::notice("chordctl",
              fmt::format("{}: there is no such {}", cli::shown(s.key()), s.version ? "version" : "key"));
  return cli::Exit::no;
}

// Of a put or an rm.
Result<cli::Exit> written(const ValuesSettings& s, const Result<Client::Answered>& answered,
                          std::optional<SessionFile>& file, const std::vector<ring::Dependency>& after) {
  if (!answered) return may_be_stored(answered.error(), s.key());
  const ring::Answer& answer = answered->answer;
  if (const auto* refusal = std::get_if<ring::Refused>(&answer)) {
    cli::complain("chordctl", refused(*refusal, s.key()));
    return status_of(*refusal);
  }
  if (std::holds_alternative<ring::Absent>(answer)) {
    // What it has seen of the key, a removal perhaps, the session knows from now on.
    if (file) {
      if (Status saved = file->save(); !saved) return saved.error();
    }
    return no_such_key(s);
  }
  if (const auto* too_few = std::get_if<ring::NoQuorum>(&answer))
    return Error{ErrorKind::unavailable, cli::shown(s.key()), fmt::format("not stored: {}", too_few->text),
                 "try again"};
  if (const auto* partly = std::get_if<ring::Partly>(&answer)) {
    return Error{ErrorKind::unknown, cli::shown(s.key()), text(*partly), "read it again"};
  }
  const auto& stored = std::get<ring::Stored>(answer);
  if (file) {
    file->session().wrote(s.key(), stored.dot, after);
    if (Status saved = file->save(); !saved)
      return Error{ErrorKind::output, cli::shown(s.key()),
                   fmt::format("it is stored, and the session does not know of it: {}", saved.error().text()),
                   ""};
  }
  if (!stored.beside.empty()) name_siblings(s.key(), stored.beside);
  return cli::Exit::done;
}

Result<cli::Exit> put(ValuesSettings& s) {
  if (Status plain = check_unconditional(s); !plain) return plain.error();
  if (s.batch) {
    if (!s.operands.empty())
      return Error{ErrorKind::usage, cli::shown(s.key()), "--batch reads keys from standard input",
                   "leave it out"};
    return load(s.common, s.patience);
  }
  if (s.operands.empty()) return Error{ErrorKind::usage, "KEY", "is missing", "give a key, or --batch"};
  if (Status right = check_key(s.key()); !right) return right.error();
  auto replaces = replaced(s);
  if (!replaces) return replaces.error();
  const bool from_input = s.operands.size() < 2 || s.operands[1] == "-";
  auto value = from_input ? read_value() : Result<std::string>(s.operands[1]);
  if (!value) return value.error();
  auto file = session_of(s);
  if (!file) return file.error();
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  if (Status own = client->expand_own(s.common.ring, s.operands.front()); !own) return own.error();
  auto past = past_of(s, *file, *client);
  if (!past) return past.error();
  const std::vector<ring::Dependency> after = past->after;
  const auto sent = client->send(
      ring::Put{
          s.common.ring, s.key(), 0, {}, std::move(*replaces), {}, s.level, std::move(*past), s.wanted()},
      *value);
  if (!sent) return sent.error();
  return written(s, client->receive(), *file, after);
}

Result<cli::Exit> rm(ValuesSettings& s) {
  if (Status plain = check_unconditional(s); !plain) return plain.error();
  if (Status right = check_key(s.key()); !right) return right.error();
  auto replaces = replaced(s);
  if (!replaces) return replaces.error();
  auto file = session_of(s);
  if (!file) return file.error();
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  if (Status own = client->expand_own(s.common.ring, s.operands.front()); !own) return own.error();
  auto past = past_of(s, *file, *client);
  if (!past) return past.error();
  const std::vector<ring::Dependency> after = past->after;
  const auto sent = client->send(ring::Request(
      ring::Remove{s.common.ring, s.key(), std::move(*replaces), {}, s.level, std::move(*past), s.wanted()}));
  if (!sent) return sent.error();
  return written(s, client->receive(), *file, after);
}

void print_versions(const ValuesSettings& s, const Known& known, const std::vector<ring::Version>& versions,
                    WallTime as_of) {
  for (const ring::Version& version : versions) {
    if (s.json) {
      cli::print(cli::JsonObject()
                     .text("key", s.key())
                     .text("version", text(version.dot))
                     .time("time", version.time)
                     .text("host", known.writer(version.dot))
                     .integer("size", version.size)
                     .time("as_of", as_of)
                     .line());
    } else {
      cli::print(fmt::format("{}\t{}\t{}\t{}\n", text(version.dot), rfc3339(version.time, 3),
                             cli::shown(known.writer(version.dot)), version.size));
    }
  }
}

cli::JsonObject described(const ring::Version& version) {
  return cli::JsonObject()
      .text("version", text(version.dot))
      .time("time", version.time)
      .integer("size", version.size);
}

// The value, or that it has siblings, with the hosts that keep it.
Result<cli::Exit> print_json(const ValuesSettings& s, Client& client, const Fetched& found) {
  const auto known = look_at_ring(s.common, client, true);
  if (!known) return known.error();
  cli::JsonObject line;
  line.name("key", s.key());
  if (!found.value) {
    line.null("value").null("version");
  } else {
    is_utf8(*found.value) ? line.text("value", *found.value) : line.text("value_b64", base64(*found.value));
    line.text("version", text(found.siblings.front().dot));
  }
  cli::JsonArray siblings, replicas;
  if (!found.value) {
    for (const ring::Version& version : found.siblings) siblings.object(described(version));
  }
  const ring::ReplicaSet set = known->placement().of_key(s.key());
  for (const ring::Host& host : set.now) replicas.text(known->name(host.host));
  cli::print(line.array("siblings", siblings)
                 .text("level", ring::name_of(s.level))
                 .text("owner", known->name(set.now.front().host))
                 .array("replicas", replicas)
                 .line());
  return found.value ? cli::Exit::done : cli::Exit::failed;
}

// Before it is printed: who has seen it is never told older things.
Status keep_read(const ValuesSettings& s, std::optional<SessionFile>& file, Client& client,
                 const ring::Found& found) {
  return file ? file->has_read(client, s.key(), found) : done();
}

Result<cli::Exit> get(ValuesSettings& s) {
  if (Status right = check_key(s.key()); !right) return right.error();
  std::optional<ring::Dot> version;
  if (s.version) {
    auto dots = read_versions(*s.version);
    if (!dots) return dots.error();
    if (dots->size() != 1) return Error{ErrorKind::usage, "--version", "names several versions", "give one"};
    version = dots->front();
  }
  auto file = session_of(s);
  if (!file) return file.error();
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  if (Status own = client->expand_own(s.common.ring, s.operands.front()); !own) return own.error();
  const std::vector<ring::Dot> at_least =
      *file ? (*file)->session().at_least(s.key()) : std::vector<ring::Dot>();
  if (s.all) {
    const WallTime as_of = wall_now();
    auto answer =
        client->ask(ring::Get{s.common.ring, s.key(), version, 0, {}, s.level, {at_least, {}}, s.wanted()});
    if (!answer) return answer.error();
    if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused(*refusal, s.key());
    if (std::holds_alternative<ring::Absent>(*answer)) return no_such_key(s);
    const auto& found = std::get<ring::Found>(*answer);
    if (Status kept = keep_read(s, *file, *client, found); !kept) return kept.error();
    if (found.versions.empty()) return no_such_key(s);
    const auto known = look_at_ring(s.common, *client, true);
    if (!known) return known.error();
    print_versions(s, *known, found.versions, as_of);
    return cli::Exit::done;
  }
  auto found = fetch(*client, s.common.ring, s.key(), version, s.level, at_least, s.wanted());
  if (!found) return found.error();
  if (Status kept = keep_read(s, *file, *client, {{}, {}, found->seen, found->after}); !kept)
    return kept.error();
  const bool has_siblings = found->siblings.size() > 1;
  if (!has_siblings && !found->value) return no_such_key(s);
  if (s.json) {
    if (has_siblings) name_siblings(s.key(), found->siblings);
    return print_json(s, *client, *found);
  }
  if (has_siblings) {
    name_siblings(s.key(), found->siblings);
    return cli::Exit::failed;
  }
  cli::print(*found->value);
  return cli::Exit::done;
}

cli::Options& verb(cli::Options& tool, const char* name, const char* summary,
                   const std::shared_ptr<ValuesSettings>& s) {
  auto& made = tool.verb(name, summary);
  add_patience(made, s->patience);
  return made;
}

void add_level(cli::Options& made, const std::shared_ptr<ValuesSettings>& s) {
  made.choice("--level", "LEVEL", s->level,
              {{"quorum", ring::Consistency::quorum},
               {"causal", ring::Consistency::causal},
               {"one", ring::Consistency::one}},
              "quorum; one: the first copy that answers; causal: one that is not behind the session");
  made.value("--session", "FILE", s->session, "versions read and written so far, for --level causal")
      .completes(cli::Completion::file);
  made.value("--copies", "N", s->copies, "so many copies must answer, not a majority").between(1, 16);
  made.flag("--weak", s->weak, "allow fewer: a get may then miss a put").needs("--copies");
}

void add_resolve(cli::Options& made, const std::shared_ptr<ValuesSettings>& s) {
  made.value("--if-version", "V", s->if_version, "see dkv").hidden();
  made.flag("--if-absent", s->if_absent, "see dkv").hidden();
  made.value("--resolve", "V,...", s->replaces, "replace exactly these versions, not all that there are");
}

}  // namespace

void add_put(cli::Options& tool, const Common& common) {
  const auto s = std::make_shared<ValuesSettings>(
      ValuesSettings{common, {}, {}, {}, {}, false, false, false, ring::Consistency::quorum, {}, 0, false});
  auto& made = verb(tool, "put", "store a value", s);
  made.synopsis("[options] KEY [VALUE|-]", "- or nothing: standard input");
  made.synopsis("[options] --batch", "JSON lines of key and value");
  made.operands("KEY [VALUE|-]", s->operands, 0, 2, "1 to 1024 bytes; the value to 8 MiB");
  add_resolve(made, s);
  add_level(made, s);
  made.flag("--batch", s->batch, "many: JSON lines on standard input")
      .excludes("--resolve")
      .excludes("--level")
      .excludes("--session")
      .excludes("--copies");
  made.example("chordctl put greeting hello", "");
  made.example("chordctl put -- -key- - < file", "a key that begins with -");
  made.does([s] { return put(*s); });
}

void add_get(cli::Options& tool, const Common& common) {
  const auto s = std::make_shared<ValuesSettings>(
      ValuesSettings{common, {}, {}, {}, {}, false, false, false, ring::Consistency::quorum, {}, 0, false});
  auto& made = verb(tool, "get", "print a value, byte for byte", s);
  made.synopsis("[options] KEY", "0; 1: no such key; 3: siblings, which are named");
  made.operands("KEY", s->operands, 1, 1, "");
  made.operand_completes_from("chordctl keys 2>/dev/null");
  made.flag("--all", s->all, "list the versions instead").excludes("--version");
  made.value("--version", "V", s->version, "one of several versions");
  add_level(made, s);
  made.flag("--json", s->json, "as JSON, with the hosts that keep it; with --all: one version a line");
  made.example("chordctl get greeting", "");
  made.example("chordctl get --all greeting", "version, time, host and size of each");
  made.does([s] { return get(*s); });
}

void add_rm(cli::Options& tool, const Common& common) {
  const auto s = std::make_shared<ValuesSettings>(
      ValuesSettings{common, {}, {}, {}, {}, false, false, false, ring::Consistency::quorum, {}, 0, false});
  auto& made = verb(tool, "rm", "remove a key", s);
  made.synopsis("[options] KEY", "0; 1: no such key");
  made.operands("KEY", s->operands, 1, 1, "");
  made.operand_completes_from("chordctl keys 2>/dev/null");
  add_resolve(made, s);
  add_level(made, s);
  made.example("chordctl rm greeting", "");
  made.does([s] { return rm(*s); });
}

}  // namespace coord::chordctl
