// SPDX-License-Identifier: MIT
// dkv --native: the engine's own keys, as its other clients see them. Nothing of it is in our log; this
// host's peer asks the engine (wire/native_messages.hpp).
#include <algorithm>
#include <chrono>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/follow.hpp"
#include "cli/json.hpp"
#include "cli/live.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "dkv/settings.hpp"
#include "process/boot_time.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"
#include "wire/native_messages.hpp"

namespace coord::dkv {

namespace {

constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::native);
constexpr std::uint64_t only_request = 1;
constexpr Duration patience = std::chrono::seconds(10);  // longer than the peer has with the engine

Error error_of(const std::string& object, const native::Cannot& why) {
  switch (why.why) {
    case native::Cannot::Why::lacks:
      return {ErrorKind::usage, "--native", why.text, ""};
    case native::Cannot::Why::wrong:
      return {ErrorKind::usage, object, why.text, ""};
    case native::Cannot::Why::unknown:
      return {ErrorKind::unknown, object, why.text, "it may have taken effect: look with dkv --native get"};
    case native::Cannot::Why::unreachable:
      break;
  }
  return {ErrorKind::unavailable, object, why.text, ""};
}

// The next answer of the engine's; an Error: it is none.
Result<native::ToTool> read(const std::string& object, const local::Answer& answer) {
  if (const auto* refused = std::get_if<local::Refused>(&answer)) {
    if (refused->kind == local::RefusedKind::protocol)
      return Error{ErrorKind::unavailable, "the peer of this host", "its release has no --native",
                   "install this release's coordd"};
    return cli::refused_by_peer(object, *refused);
  }
  auto told = wire::decode<native::ToTool>(std::get<local::FromPart>(answer).bytes,
                                           wire::DecodeOptions{.version = native::formats});
  if (!told)
    return Error{ErrorKind::unavailable, object, "its peer's answer cannot be read",
                 "install this release's coordd"};
  if (const auto* why = std::get_if<native::Cannot>(&*told)) return error_of(object, *why);
  return std::move(*told);
}

bool is_ours(const local::Answer& answer) {
  return std::holds_alternative<local::Refused>(answer) || std::holds_alternative<local::FromPart>(answer);
}

class Question {
 public:
  Question(const Settings& settings, const native::FromTool& what)
      : object_(settings.key.empty() ? "keys" : cli::shown(settings.key)), what_(what) {}

  Status ask(const Settings& settings) {
    auto peer = connect(settings);
    if (!peer) return peer.error();
    peer_.emplace(std::move(*peer));
    end_ = process::boot_now() + patience;
    return peer_->send(local::ToPart{only_request, channel, wire::encode(what_, native::formats)});
  }
  Result<native::ToTool> next() {
    for (;;) {
      auto answer = peer_->wait(end_);
      const bool changes =
          std::holds_alternative<native::Put>(what_) || std::holds_alternative<native::Remove>(what_);
      const auto kind = changes ? ErrorKind::unknown : ErrorKind::unavailable;
      if (!answer) return Error{kind, object_, answer.error().what, ""};
      if (!answer->has_value()) return Error{kind, object_, "the peer does not answer", ""};
      if (!is_ours(**answer)) continue;
      end_ = process::boot_now() + patience;  // of a list there are many
      return read(object_, **answer);
    }
  }

 private:
  const std::string object_;
  const native::FromTool what_;
  std::optional<engine::LocalConnection> peer_;
  Instant end_;
};

WallTime now() {
  const auto since =
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch());
  return WallTime{since.count()};
}

cli::JsonObject record(const std::string& key, std::uint64_t version) {
  cli::JsonObject object;
  object.name("key", key);
  return version == 0 ? object.null("version") : object.integer("version", version);
}

std::string end_of(cli::JsonObject object) {
  return object.text("scope", "engine").boolean("native", true).time("as_of", now()).line();
}

std::string json_of(const std::string& key, const native::Value& value) {
  if (!value.there) return end_of(cli::JsonObject().name("key", key).integer("version", 0).null("value"));
  return end_of(record(key, value.version).name("value", value.value).integer("bytes", value.value.size()));
}

Result<cli::Exit> say_not(const Settings& settings, const native::Not& no) {
  const std::string version = no.version == 0 ? "" : fmt::format("version {}: ", no.version);
  const std::string why = !no.there ? "there is no such key"
                          : settings.if_absent
                              ? version + "the key is there already: dkv --native get shows it"
                              : version + "the key has another version";
  cli::notice("dkv", fmt::format("{}: {}", cli::shown(settings.key), why));
  return cli::Exit::no;
}

Result<cli::Exit> change(const Settings& settings, const native::FromTool& what) {
  Question question(settings, what);
  if (Status asked = question.ask(settings); !asked) return asked.error();
  auto told = question.next();
  if (!told) return told.error();
  if (const auto* no = std::get_if<native::Not>(&*told)) return say_not(settings, *no);
  if (settings.json) cli::print(end_of(record(settings.key, std::get<native::Done>(*told).version)));
  return cli::Exit::done;
}

std::optional<std::uint64_t> terms_of(const Settings& settings) {
  if (settings.if_absent) return 0;
  return settings.if_version;
}

}  // namespace

Result<cli::Exit> put_native(const Settings& settings, std::string value) {
  return change(settings, native::Put{settings.key, std::move(value), terms_of(settings)});
}

Result<cli::Exit> remove_native(const Settings& settings) {
  return change(settings, native::Remove{settings.key, terms_of(settings)});
}

Result<cli::Exit> get_native(const Settings& settings) {
  Question question(settings, native::Get{settings.key});
  if (Status asked = question.ask(settings); !asked) return asked.error();
  auto told = question.next();
  if (!told) return told.error();
  const auto& value = std::get<native::Value>(*told);
  if (!value.there) {
    if (!settings.quiet)
      cli::notice("dkv", fmt::format("{}: there is no such key", cli::shown(settings.key)));
    return cli::Exit::no;
  }
  cli::print(settings.json ? json_of(settings.key, value) : value.value);
  return cli::Exit::done;
}

Result<cli::Exit> list_native(const Settings& settings) {
  Question question(settings, native::List{settings.key});
  if (Status asked = question.ask(settings); !asked) return asked.error();
  cli::Table table({{"KEY"}, {"VERSION", cli::Table::Align::right}, {"BYTES", cli::Table::Align::right}});
  for (bool more = true; more;) {
    auto told = question.next();
    if (!told) return told.error();
    const auto& keys = std::get<native::Keys>(*told);
    for (const native::Key& key : keys.keys) {
      if (settings.json) {
        cli::print(end_of(record(key.key, key.version).integer("bytes", key.bytes)));
      } else {
        table.row({key.key, key.version == 0 ? "-" : std::to_string(key.version), std::to_string(key.bytes)});
      }
    }
    more = keys.more;
  }
  if (settings.json || settings.quiet) return cli::Exit::done;
  if (table.empty()) {
    cli::say_none("dkv", "no keys", false);
  } else {
    cli::print(cli::for_stdout(std::move(table)));
  }
  return cli::Exit::done;
}

namespace {

class NativeWatcher {
 public:
  explicit NativeWatcher(const Settings& settings) : settings_(settings) {}

  Error follow(engine::LocalConnection& peer, Status& output) {
    const native::FromTool what = native::Watch{settings_.key};
    if (Status sent = peer.send(local::ToPart{only_request, channel, wire::encode(what, native::formats)});
        !sent)
      return sent.error();
    for (;;) {
      auto answer = cli::next_answer(peer, output);
      if (!answer) return answer.error();
      if (!is_ours(*answer)) continue;
      auto told = read(cli::shown(settings_.key), *answer);
      if (!told) return told.error();
      if (const auto* value = std::get_if<native::Value>(&*told)) show(*value);
      const auto* away = std::get_if<native::Queued>(&*told);
      if (away != nullptr && !settings_.quiet)
        cli::notice("dkv",
                    fmt::format("{}: waiting for {}", cli::shown(settings_.key), cli::shown(away->behind)));
      output = cli::flush();
      if (!output) return output.error();
    }
  }

 private:
  void show(const native::Value& value) {
    if (last_ == value.version) return;  // 0: it is not there
    last_ = value.version;
    if (settings_.json) {
      cli::print(json_of(settings_.key, value));
    } else if (!value.there) {
      cli::print("0\n");
    } else {
      cli::print(fmt::format("{} {}\n", value.version, cli::shown(value.value)));
    }
  }

  const Settings& settings_;
  std::optional<std::uint64_t> last_;
};

}  // namespace

Result<cli::Exit> watch_native(const Settings& settings) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  NativeWatcher watcher(settings);
  return cli::follow_peer(std::move(*peer), {"dkv", settings.quiet,
                                             [&](engine::LocalConnection& on, Status& output) {
                                               return watcher.follow(on, output);
                                             },
                                             [&] { return connect(settings); }});
}

}  // namespace coord::dkv
