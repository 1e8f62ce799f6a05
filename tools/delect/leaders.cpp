// SPDX-License-Identifier: MIT
// delect --who, --list, --is-leader, --last: what the group knows.
#include <unistd.h>

#include <array>

#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "cli/age.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "delect/settings.hpp"

namespace coord::delect {

namespace {

std::string pid_text(std::uint32_t pid) {
  return pid == 0 ? "enrolled" : std::to_string(pid);
}

void add_rows(cli::Table& table, const local::LeaderRecord& record, WallTime as_of) {
  const auto row = [&](const local::CandidateRecord& party, const std::string& state,
                       const std::string& term) {
    table.row({record.name, state, term, party.host, pid_text(party.pid), party.user,
               std::to_string(party.priority), cli::age_text(party.since, as_of), party.value});
  };
  if (record.leader) row(*record.leader, "leads", std::to_string(record.term.value));
  std::size_t position = 0;
  for (const local::CandidateRecord& candidate : record.candidates)
    row(candidate, fmt::format("stands {}", ++position), "");
}

cli::Table leaders_table() {
  return cli::Table({{"NAME"},
                     {"STATE"},
                     {"TERM", cli::Table::Align::right},
                     {"HOST"},
                     {"PID", cli::Table::Align::right},
                     {"USER"},
                     {"PRIORITY", cli::Table::Align::right},
                     {"FOR", cli::Table::Align::right},
                     {"VALUE", cli::Table::Align::left, true}});
}

struct One {
  local::LeaderRecord record;
  WallTime as_of;
  local::Scope scope;
};

Result<One> ask_one(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "delect");
  if (!peer) return peer.error();
  auto answer = ask_leaders(*peer, settings, {settings.name()});
  if (!answer) return answer.error();
  if (answer->leaders.empty())
    return Error{ErrorKind::internal, cli::shown(settings.name()), "the peer answered with nothing", ""};
  return One{answer->leaders.front(), answer->as_of, peer->welcome().scope};
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

Result<local::Leaders> ask_leaders(engine::LocalConnection& peer, const Settings& settings,
                                   std::vector<std::string> names) {
  if (Status sent = peer.send(local::ListLeaders{1, std::move(names), settings.stale}); !sent)
    return sent.error();
  local::Leaders whole;
  for (;;) {
    auto answer = peer.wait(std::nullopt);
    if (!answer) return answer.error();
    if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      const bool has_stale =
          settings.mode == Mode::who || settings.mode == Mode::list || settings.mode == Mode::last;
      return Error{ErrorKind::unavailable, "leaderships", has_stale ? refused->why : cli::why_of(*refused),
                   "see dpeers"};
    }
    auto* part = std::get_if<local::Leaders>(&**answer);
    if (part == nullptr) continue;
    whole.as_of = part->as_of;
    for (local::LeaderRecord& record : part->leaders) whole.leaders.push_back(std::move(record));
    if (!part->more) return whole;
  }
}

std::string json_of(const local::LeaderRecord& record, const char* event, WallTime as_of,
                    local::Scope scope) {
  cli::JsonObject object;
  object.name("name", record.name).text("event", event);
  if (record.leader) {
    cli::JsonObject leader;
    leader.text("host", record.leader->host).text("peer", record.leader->peer);
    leader.integer("pid", record.leader->pid).text("user", record.leader->user);
    leader.name("value", record.leader->value).time("since", record.leader->since);
    leader.integer("priority", record.leader->priority);
    object.object("leader", leader).id("term", record.term);
  } else {
    object.null("leader").null("term");
  }
  cli::JsonArray candidates;
  for (const local::CandidateRecord& candidate : record.candidates) {
    cli::JsonObject one;
    one.text("host", candidate.host).integer("priority", candidate.priority);
    one.text("peer", candidate.peer).integer("pid", candidate.pid).time("since", candidate.since);
    candidates.object(one);
  }
  return object.array("candidates", candidates).text("scope", name_of(scope)).time("as_of", as_of).line();
}

std::string leader_text(const local::LeaderRecord& record) {
  if (!record.leader) return "nobody";
  return fmt::format("{} since {} ({})", cli::shown(record.leader->host), rfc3339(record.leader->since, 0),
                     cli::shown(record.leader->value));
}

namespace {

struct Shown {
  std::string text;
  bool any = false;  // is led
};

Result<Shown> text_of_all(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "delect");
  if (!peer) return peer.error();
  auto answer = ask_leaders(*peer, settings, settings.names);
  if (!answer) return answer.error();
  const local::Scope scope = peer->welcome().scope;
  cli::Table table = leaders_table();
  Shown shown;
  for (const local::LeaderRecord& record : answer->leaders) {
    shown.any = shown.any || record.leader;
    if (settings.output.json) {
      shown.text += json_of(record, record.leader ? "current" : "none", answer->as_of, scope);
    } else {
      add_rows(table, record, answer->as_of);
    }
  }
  if (!table.empty()) shown.text = cli::for_stdout(std::move(table).with("SCOPE", name_of(scope)));
  return shown;
}

}  // namespace

Result<cli::Exit> show(const Settings& settings) {
  constexpr const char* none = "nobody leads or stands";
  if (settings.live.wanted()) {
    const auto ask = [&]() -> Result<std::string> {
      auto shown = text_of_all(settings);
      if (!shown) return shown.error();
      return std::move(shown->text);
    };
    return settings.live.show(ask, none);
  }
  const auto shown = text_of_all(settings);
  if (!shown) return shown.error();
  cli::print(shown->text);
  if (shown->text.empty()) cli::say_none("delect", none, settings.output.quiet);
  return shown->any || settings.names.empty() ? cli::Exit::done : cli::Exit::no;
}

Result<cli::Exit> is_leader(const Settings& settings) {
  auto record = ask_one(settings);
  if (!record) return record.error();
  const bool here = record->record.leader && record->record.here;
  if (settings.output.json)
    cli::print(
        json_of(record->record, record->record.leader ? "current" : "none", record->as_of, record->scope));
  return here ? cli::Exit::done : cli::Exit::no;
}

Result<cli::Exit> last(const Settings& settings) {
  auto record = ask_one(settings);
  if (!record) return record.error();
  const std::optional<local::LastCompletion>& last = record->record.last;
  const Duration age(last ? std::max<std::int64_t>(wall_now().unix_ns - last->at.unix_ns, 0) : 0);
  if (settings.output.json) {
    cli::JsonObject object;
    object.name("name", record->record.name);
    if (last) {
      object.time("last", last->at).seconds("age_s", age).text("host", last->host);
      if (last->key.empty()) {
        object.null("slot");
      } else {
        object.name("slot", last->key);
      }
    } else {
      object.null("last").null("age_s").null("host").null("slot");
    }
    cli::print(object.text("scope", name_of(record->scope)).time("as_of", record->as_of).line());
  } else if (last && !settings.output.quiet) {
    const std::string key = last->key.empty() ? "" : fmt::format(" slot {}", cli::shown(last->key));
    cli::print(fmt::format("{} {}{}\n", rfc3339(last->at, 0), cli::shown(last->host), key));
  }
  if (!last) return cli::Exit::no;
  return settings.max_age && age > *settings.max_age ? cli::Exit::no : cli::Exit::done;
}

}  // namespace coord::delect
