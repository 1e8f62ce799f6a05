// SPDX-License-Identifier: MIT
#include "coordd/reload.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace coord::coordd {

Result<Settings> read_settings(const std::vector<std::string>& command_line) {
  Settings settings;
  cli::Options options("coordd", "");
  declare(options, settings.arguments);
  if (const auto parsed = options.parse(command_line); !parsed) return parsed.error();
  if (Status read = read_configuration(options, settings.arguments); !read) return read.error();
  const daemon::Options& peer = settings.arguments.peer;
  if (peer.key_file.empty()) return settings;
  auto keys = net::read_key_file(daemon::keys_path(peer.state_dir, peer.key_file));
  if (!keys) return keys.error();
  settings.keys = std::move(*keys);
  return settings;
}

std::string need_restart(const Arguments& running, const Arguments& wanted) {
  const daemon::Options &was = running.peer, &is = wanted.peer;
  const std::pair<const char*, bool> changed[] = {
      {"name", was.name != is.name},
      {"peers", was.peers != is.peers},
      {"join", was.join != is.join},
      {"engine", was.engine != is.engine},
      {"engine_user", was.engine_user != is.engine_user},
      {"engine_password_file", was.engine_password_file != is.engine_password_file},
      {"engine_ca", was.engine_ca != is.engine_ca},
      {"engine_cert", was.engine_cert != is.engine_cert},
      {"engine_key", was.engine_key != is.engine_key},
      {"listen", was.listen != is.listen},
      {"key_file", was.key_file.empty() != is.key_file.empty()},
      {"state_dir", was.state_dir != is.state_dir},
      {"socket", was.socket != is.socket},
      {"admit", was.admit != is.admit},
      {"heartbeat", was.heartbeat != is.heartbeat},
      {"election_low", was.election_low != is.election_low},
      {"election_high", was.election_high != is.election_high},
      {"rejoin", was.rejoin != is.rejoin},
      {"zone", was.zone != is.zone},
      {"forget_after", was.forget_after != is.forget_after},
      {"metrics", was.metrics != is.metrics || was.metrics_insecure != is.metrics_insecure},
      {"metrics_names", was.metrics_names != is.metrics_names},
      {"private", running.private_peer != wanted.private_peer},
      {"trace_log", running.trace_log != wanted.trace_log},
      {"idle_exit", was.idle_exit != is.idle_exit},
  };
  std::string names;
  for (const auto& [name, differs] : changed) {
    if (differs) names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names;
}

Reloader::Reloader(boost::asio::io_context& io, std::vector<std::string> command_line,
                   std::function<void(Result<Settings>)> done)
    : shared_(std::make_shared<Shared>()), command_line_(std::move(command_line)), done_(std::move(done)) {
  shared_->io = &io;
}

// A file may hang for ever: then its thread is left to it, and finds nobody to tell.
Reloader::~Reloader() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->io = nullptr;
  }
  if (reading_.joinable()) reading_.detach();
}

void Reloader::begin() {
  again_ = reading_.joinable();
  if (again_) return;
  reading_ = std::thread([this, shared = shared_, command_line = command_line_] {
    auto settings = std::make_shared<Result<Settings>>(read_settings(command_line));
    const std::lock_guard lock(shared->mutex);
    if (shared->io != nullptr)
      boost::asio::post(*shared->io, [this, settings] { finished(std::move(*settings)); });
  });
}

void Reloader::finished(Result<Settings> settings) {
  reading_.join();
  done_(std::move(settings));
  if (std::exchange(again_, false)) begin();
}

}  // namespace coord::coordd
