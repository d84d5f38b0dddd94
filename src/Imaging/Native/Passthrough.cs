using System.ComponentModel;
using System.Runtime.InteropServices;
using Baremetal.Imaging.Targets;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Imaging.Native;

/// <summary>The kernel's way for commands to a disk's own controller: <c>NVME_IOCTL_ADMIN_CMD</c> and <c>SG_IO</c>.</summary>
internal static unsafe partial class Passthrough
{
    // linux/nvme_ioctl.h
    private const nuint NvmeNamespaceId = 0x4e40;
    private const nuint NvmeAdmin = 0xc0484e41;

    // scsi/sg.h
    private const nuint ScsiGenericIo = 0x2285;
    private const int NoData = -1;
    private const int ToDevice = -2;
    private const int FromDevice = -3;

    // SCSI_SENSE_BUFFERSIZE
    private const int MostSense = 96;

    public static uint NamespaceOf(SafeFileHandle device) => (uint)Check(Control(device, NvmeNamespaceId, null), "NVME_IOCTL_ID");

    public static int SendNvme(SafeFileHandle device, NvmeAdminCommand command, Span<byte> data)
    {
        fixed (byte* bytes = data)
        {
            var request = new NvmeRequest
            {
                Opcode = command.Opcode,
                Namespace = command.Namespace,
                Address = (ulong)bytes,
                DataLength = (uint)data.Length,
                Dword10 = command.Dword10,
                LimitMilliseconds = Milliseconds(command.Limit),
            };
            return Check(Control(device, NvmeAdmin, &request), "NVME_IOCTL_ADMIN_CMD");
        }
    }

    public static ScsiReply SendScsi(SafeFileHandle device, ReadOnlySpan<byte> command, DataDirection direction, Span<byte> data, TimeSpan limit)
    {
        Span<byte> sense = stackalloc byte[MostSense];
        fixed (byte* commandBytes = command, dataBytes = data, senseBytes = sense)
        {
            var request = new ScsiRequest
            {
                InterfaceId = 'S',
                Direction = direction switch { DataDirection.ToDevice => ToDevice, DataDirection.FromDevice => FromDevice, _ => NoData },
                CommandLength = (byte)command.Length,
                MostSense = MostSense,
                DataLength = (uint)data.Length,
                Data = dataBytes,
                Command = commandBytes,
                Sense = senseBytes,
                LimitMilliseconds = Milliseconds(limit),
            };
            Check(Control(device, ScsiGenericIo, &request), "SG_IO");
            return new ScsiReply(request.Status, request.HostStatus, sense[..Math.Min(request.SenseLength, sense.Length)].ToArray());
        }
    }

    private static uint Milliseconds(TimeSpan limit) => (uint)Math.Min(limit.TotalMilliseconds, uint.MaxValue);

    private static int Check(int result, string call) =>
        result >= 0 ? result : throw new IOException($"{call}: {Libc.Describe(Marshal.GetLastPInvokeError())}", new Win32Exception(Marshal.GetLastPInvokeError()));

    [LibraryImport("libc.so.6", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle device, nuint request, void* argument);

    /// <summary><c>struct nvme_passthru_cmd</c></summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct NvmeRequest
    {
        public byte Opcode;
        public byte Flags;
        public ushort Reserved;
        public uint Namespace;
        public uint Dword2;
        public uint Dword3;
        public ulong Metadata;
        public ulong Address;
        public uint MetadataLength;
        public uint DataLength;
        public uint Dword10;
        public uint Dword11;
        public uint Dword12;
        public uint Dword13;
        public uint Dword14;
        public uint Dword15;
        public uint LimitMilliseconds;
        public uint Result;
    }

    /// <summary><c>struct sg_io_hdr</c></summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ScsiRequest
    {
        public int InterfaceId;
        public int Direction;
        public byte CommandLength;
        public byte MostSense;
        public ushort Vectors;
        public uint DataLength;
        public void* Data;
        public byte* Command;
        public byte* Sense;
        public uint LimitMilliseconds;
        public uint Flags;
        public int PackId;
        public void* User;
        public byte Status;
        public byte MaskedStatus;
        public byte MessageStatus;
        public byte SenseLength;
        public ushort HostStatus;
        public ushort DriverStatus;
        public int Residue;
        public uint Duration;
        public uint Info;
    }
}
