// SPDX-License-Identifier: MIT
// A gateway: the log is kept by an engine that others run (replica/engine_log.hpp).
#include <algorithm>
#include <chrono>
#include <string_view>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "daemon/system_random.hpp"
#include "process/boot_time.hpp"

namespace coord::daemon {

namespace {

std::string tls_form(EngineUrl url) {
  url.tls = true;
  return url.text();
}

}  // namespace

const replica::EngineLog* Daemon::gateway() const {
  return dynamic_cast<const replica::EngineLog*>(&node_->log());
}

Status Daemon::recover_as_gateway() {
  replica::EngineLog::Config config;
  config.self = settings_.node;
  config.name = settings_.name;
  config.query_patience = leader_patience() + std::chrono::seconds(1);
  config.raise_after = settings_.options.raise_after;
  auto memory = read_engine_memory(*disk_, settings_.options.state_dir);
  if (!memory) return memory.error();
  config.memory = *memory;
  auto last = LastEngineMemory::open(settings_.options.state_dir);
  if (!last) return last.error();
  last_engine_memory_ = std::move(*last);
  auto log = std::make_unique<replica::EngineLog>(
      std::move(config), Random(from_system_random<std::uint64_t>()), process::boot_now());
  engines::Settings access = settings_.engine_access;
  access.writer = from_system_random<std::uint64_t>();
  if (!access.password.empty() && !access.url.tls)
    log_(net::LogLevel::warning,
         fmt::format("engine: the {} goes to {} without TLS, for all to read on the way: use {}",
                     access.user.empty() ? "token" : "password of " + access.user, access.url.text(),
                     tls_form(access.url)));
  auto engine = engines::Driver::open(io_, std::move(access), [this](replica::engine::Told told) {
    const auto* down = std::get_if<replica::engine::Down>(&told);
    if (down != nullptr && down->why != engine_trouble_)
      log_(net::LogLevel::warning, fmt::format("engine: {}", down->why));
    if (down != nullptr || std::holds_alternative<replica::engine::Reached>(told))
      engine_trouble_ = down != nullptr ? down->why : "";
    push(replica::FromEngine{std::move(told)});
  });
  if (!engine) return engine.error();
  engine_ = std::move(*engine);
  engine_memory_ = std::make_unique<WorkThread>(
      io_, std::make_unique<MemoryWorker>(settings_.options.state_dir),
      [this](const std::shared_ptr<node::Work>& work) {
        const Status& written = dynamic_cast<const Remember&>(*work).written;
        if (!written) log_(net::LogLevel::warning, fmt::format("state: {}", written.error().text()));
      });
  return begin(replica::ReplicatedService(std::move(log), sessions_config()), {}, {}, {});
}

void Daemon::perform(replica::ToEngine&& action) {
  if (engine_) engine_->ask(action.request);
}

void Daemon::perform(replica::RememberEngine&& action) {
  const Status written = last_engine_memory_->write(action.memory);
  if (!written && engine_remembered_)
    log_(net::LogLevel::warning, fmt::format("{}: nothing is granted here", written.error().text()));
  engine_remembered_ = written;
  if (action.lasting && engine_memory_) engine_memory_->submit(std::make_shared<Remember>(action.memory));
}

// The engine in the place of who leads, and the others as far as they have said something in the log lately:
// an idle gateway says nothing.
void Daemon::describe_gateways(local::Peers& answer) const {
  constexpr Duration lately = std::chrono::seconds(60);
  constexpr Duration clock_bound = std::chrono::seconds(1);  // an entry's way through the engine
  const Instant now = process::boot_now();
  const bool follows = node_->log().has_quorum();
  const EngineUrl& url = settings_.engine_access.url;
  local::PeerRecord engine;
  engine.name = url.text().substr(0, url.text().find("://"));
  engine.address = follows ? engine_->endpoint() : url.text();
  engine.role = follows ? "leader" : "member";
  engine.state = follows ? "alive" : "dead";
  engine.voter = follows;
  engine.level = engine.knows = node_->log().machine().level();
  engine.since = started_;
  const engines::About& about = engine_->about();
  if (!about.version.empty()) engine.version = about.version;
  if (about.bytes != 0) engine.sent.emplace_back("database_bytes", about.bytes);
  if (about.quota != 0) engine.sent.emplace_back("quota_bytes", about.quota);
  if (about.leader) answer.troubles.emplace_back(engine.name, "leader: " + *about.leader);
  for (const engines::Endpoint& one : engine_->endpoints()) {
    const char* state = one.connected ? "connected" : one.trouble.empty() ? "untried" : "failed";
    std::string text = fmt::format("endpoint: {} {}", one.address, state);
    if (!one.trouble.empty()) {
      std::string_view why = one.trouble;
      if (why.starts_with(one.address + ": ")) why.remove_prefix(one.address.size() + 2);
      text += fmt::format(" {} {}", std::max<Duration>(now - one.since, {}) / std::chrono::seconds(1),
                          why.substr(0, 900));
    }
    answer.troubles.emplace_back(engine.name, std::move(text));
  }
  if (about.keeps_all) engine.sent.emplace_back("keeps_all_history", 1);
  answer.peers.push_back(std::move(engine));
  for (const auto& [node, registration] : node_->log().machine().state().registrations) {
    const auto heard = gateway()->heard(node);
    if (node == settings_.node || !heard || now > *heard + lately) continue;
    local::PeerRecord record;
    record.name = registration.name;
    record.address = "-";
    record.role = "member";
    record.state = "alive";
    record.voter = false;
    record.level = node_->log().machine().level();
    record.knows = registration.knows;
    record.since = started_;
    record.offset = gateway()->ahead(node);
    if (record.offset) record.offset_bound = clock_bound;
    answer.peers.push_back(std::move(record));
  }
}

// ---- the engine's own keys and locks

void Daemon::open_native() {
  if (!settings_.has_engine()) return;
  NativeDesk::Says says;
  says.tell = [this](replica::ConnectionId connection, const local::FromPart& what) {
    const auto tool = tools_.find(connection);
    if (tool != tools_.end() && tool->second.connected) tell(connection, tool->second, what);
  };
  says.bound = [this](SessionId session, Instant sent) { push(replica::HeldElsewhere{session, sent, {}}); };
  says.lost = [this](SessionId session, const std::string& why) {
    push(replica::HeldElsewhere{session, {}, why});
  };
  says.lives = [this](SessionId session) { return node_->log().machine().session(session) != nullptr; };
  native_ = std::make_unique<NativeDesk>(io_, settings_.engine_access, std::move(says));
}

void Daemon::ask_native(replica::ConnectionId connection, const Tool& tool, const local::ToPart& what) {
  const auto refuse = [&](const std::string& why) {
    tell(connection, tool, local::Refused{what.request, local::RefusedKind::mismatch, why});
  };
  if (!native_) return refuse("--native: no engine is named: give --engine URL");
  // By this peer's credentials they could write whatever it may.
  if (is_guest(tool))
    return refuse(
        "--native: only for root and the peer's own user: give --engine URL for a gateway of your own");
  if (settings_.is_gateway() && settings_.engine_access.url.kind == EngineUrl::Kind::redis &&
      settings_.engine_access.url.endpoints.size() > 1)
    return refuse(
        "--native: this host's peer takes these servers for one and its replicas: give --engine URL");
  native_->said(connection, what);
}

// What was held by the engine's own recipe is let go before the tool says that it is done: who asks at once
// does not stand behind it.
bool Daemon::holds_back(replica::ToTool& action) {
  const auto found = tools_.find(action.connection);
  if (!native_ || !std::holds_alternative<local::Released>(action.answer)) return false;
  const SessionId session = found->second.session;
  if (session == SessionId{} || node_->log().machine().session(session) != nullptr) return false;
  return native_->when_free(session, [this, held_back = action]() mutable { perform(std::move(held_back)); });
}

}  // namespace coord::daemon
