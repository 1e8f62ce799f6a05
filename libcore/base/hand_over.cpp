// SPDX-License-Identifier: MIT
#include "base/hand_over.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "base/own_file.hpp"

namespace coord {
namespace {

Error hand_over_failed(const std::string& path, const char* what) {
  return {ErrorKind::unavailable, path, fmt::format("{}: {}", what, std::strerror(errno)),
          "check the directory"};
}

std::string path_in(const std::string& directory) {
  return fmt::format("{}/{}", directory, hand_over_name);
}

Status sync_directory(const std::string& directory) {
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() || ::fsync(fd.get()) != 0) return hand_over_failed(directory, "cannot be synced");
  return done();
}

std::string text_of(const HandedOver& what) {
  return fmt::format("{}{}\n", what.to == HandedOver::To::host ? "host " : "group ", what.token.value);
}

}  // namespace

Result<HandedOver> read_handed_over(const std::string& path) {
  const auto file = open_own_file(path, O_RDONLY);
  if (!file) return file.error();
  std::array<char, 64> text{};
  const ssize_t count = ::pread(file->get(), text.data(), text.size(), 0);
  if (count < 0) return hand_over_failed(path, "cannot be read");
  const std::string_view said(text.data(), static_cast<std::size_t>(count));
  for (const auto to : {HandedOver::To::host, HandedOver::To::group}) {
    HandedOver found{to, {}};
    const std::string_view word = to == HandedOver::To::host ? "host " : "group ";
    if (!said.starts_with(word)) continue;
    const char* const end = said.data() + said.size();
    const auto [stop, error] = std::from_chars(said.data() + word.size(), end, found.token.value);
    if (error == std::errc{} && std::string_view(stop, static_cast<std::size_t>(end - stop)) == "\n")
      return found;
  }
  return Error{ErrorKind::unavailable, path, "no peer has written it", "if no peer runs here, remove it"};
}

Result<std::optional<HandedOver>> handed_over(const std::string& directory) {
  const std::string path = path_in(directory);
  if (::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
    return std::optional<HandedOver>();
  auto found = read_handed_over(path);
  if (!found) return found.error();
  return std::optional<HandedOver>(*found);
}

Status write_handed_over(const std::string& directory, const HandedOver& what) {
  const std::string path = path_in(directory);
  const std::string half = fmt::format("{}.new", path);
  const std::string text = text_of(what);
  {
    const auto file = open_own_file(half, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return file.error();
    if (::write(file->get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      return hand_over_failed(half, "cannot be written");
    if (::fsync(file->get()) != 0) return hand_over_failed(half, "cannot be synced");
  }
  if (::rename(half.c_str(), path.c_str()) != 0) return hand_over_failed(path, "cannot be made");
  return sync_directory(directory);
}

Status forget_handed_over(const std::string& directory) {
  const std::string path = path_in(directory);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return hand_over_failed(path, "cannot be removed");
  return sync_directory(directory);
}

}  // namespace coord
