using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Microsoft.Azure.Functions.Worker;

namespace StandaloneHost;

/// <summary>Finds the types of an assembly that declare functions.</summary>
public static class FunctionTypes
{
    /// <summary>
    /// Reads the assembly's metadata. Reflection would load all types and methods of the assembly, and they would stay in memory until
    /// the process ends.
    /// </summary>
    /// <exception cref="ArgumentException">The assembly was not loaded from a file.</exception>
    public static IEnumerable<Type> Of(Assembly assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly.Location));
        var reader = file.GetMetadataReader();
        return [.. reader.CustomAttributes.Select(reader.GetCustomAttribute)
            .Where(attribute => attribute.Parent.Kind == HandleKind.MethodDefinition && IsFunction(reader, attribute.Constructor))
            .Select(attribute => reader.GetMethodDefinition((MethodDefinitionHandle)attribute.Parent).GetDeclaringType())
            .Distinct()
            .Select(type => assembly.ManifestModule.ResolveType(MetadataTokens.GetToken(type)))];
    }

    private static bool IsFunction(MetadataReader reader, EntityHandle constructor) =>
        constructor.Kind == HandleKind.MemberReference
        && reader.GetMemberReference((MemberReferenceHandle)constructor).Parent is { Kind: HandleKind.TypeReference } type
        && reader.StringComparer.Equals(reader.GetTypeReference((TypeReferenceHandle)type).Name, nameof(FunctionAttribute));
}
