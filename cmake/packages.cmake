# Debian 12's packages. gRPC's, abseil's and spdlog's own CMake files bring their dependencies along.
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_library(DARKROOM_WEBP webp REQUIRED)
find_library(DARKROOM_WEBP_MUX webpmux REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc)
find_package(OpenSSL REQUIRED COMPONENTS SSL Crypto)
if(DARKROOM_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # The precompiled header of model/ is cached only with two checks relaxed. Paths below the
  # source folder count as relative ones, and the language of messages not at all, so that checkouts
  # and image builds share what is cached.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,locale
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE})
endif()
